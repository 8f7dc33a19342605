"""The shop as a process stops immediately and without errors in its log."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving import free_port, port_of
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about the web process")

ROOT = Path(__file__).parents[3]


def test_a_shop_with_open_dashboards_stops_without_a_traceback(tmp_path: Path) -> None:
    with free_port() as listening:
        port = port_of(listening)
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "HOOKSHOP_VAR": str(tmp_path), "SHOP_PORT": str(port)}
    command = [sys.executable, "-m", "shop"]
    shop = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: _serves(url), "the shop serves")
        with httpx.stream("GET", f"{url}/deliveries/live", timeout=10) as stream:
            lines = stream.iter_lines()
            next(lines)
            shop.send_signal(signal.SIGTERM)
            for _line in lines:  # raises if the stream does not end properly
                pass
        _out, log = shop.communicate(timeout=10)
    finally:
        shop.kill()

    assert shop.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in log
    assert "Cancel" not in log


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False
