"""The shop as a process stops immediately and without errors in its log."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving import free_port, port_of
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about the web process")

ROOT = Path(__file__).parents[3]
WAIT = b"GET /v1/deliveries?wait=60 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_a_shop_with_open_dashboards_and_waiting_calls_stops_without_a_traceback(
    tmp_path: Path,
) -> None:
    with free_port() as listening:
        port = port_of(listening)
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "HOOKSHOP_VAR": str(tmp_path), "SHOP_PORT": str(port)}
    command = [sys.executable, "-m", "shop"]
    shop = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: _serves(url), "the shop serves")
        with (
            httpx.stream("GET", f"{url}/deliveries/live", timeout=10) as stream,
            socket.create_connection(("127.0.0.1", port), timeout=10) as waiting,
        ):
            lines = stream.iter_lines()
            next(lines)
            waiting.sendall(WAIT)
            assert _serves(url)  # so it has begun to answer the call before
            shop.send_signal(signal.SIGTERM)
            for _line in lines:  # raises if the stream does not end properly
                pass
            answer = waiting.makefile("rb").read()
        _out, log = shop.communicate(timeout=10)
    finally:
        shop.kill()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"data":[],"next_cursor":null,"satisfied":false}')
    assert shop.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in log
    assert "Cancel" not in log


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False
