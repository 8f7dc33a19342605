"""The log of the subscriber as a process: a stranger's bytes cannot control the terminal."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving import free_port, port_of
from tests.waiting import wait_for

ROOT = Path(__file__).parents[3]
HOSTILE = b"msg_\x1b[2K\x85\x9b31m"
WEBHOOK = b"""POST /v1/new-purchase HTTP/1.1\r
Host: localhost\r
Connection: close\r
webhook-id: %s\r
Content-Length: 0\r
\r
"""


@contextmanager
def logged(folder: Path, port: int, style: str) -> Iterator[Path]:
    """Run the subscriber until the block ends, and yield the file with its log."""
    log = folder / "subscriber.log"
    environment = {
        "HOOKSHOP_VAR": str(folder),
        "SUBSCRIBER_PORT": str(port),
        "SUBSCRIBER_AUTO_REGISTER": "false",
        "SUBSCRIBER_LOG_FORMAT": style,
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "subscriber_app"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stderr=file,
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(timeout=15)


def send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


def is_serving(port: int) -> bool:
    try:
        return b" 200 " in send(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    except OSError:
        return False


@pytest.mark.parametrize("style", ["text", "json"])
def test_an_id_with_control_characters_is_escaped(tmp_path: Path, style: str) -> None:
    with free_port() as listening:
        port = port_of(listening)
    with logged(tmp_path, port, style) as log:
        wait_for(lambda: is_serving(port), "the subscriber serves")
        send(port, WEBHOOK % HOSTILE)
        send(port, b"\x1b[2K /nonsense\r\n\r\n")  # uvicorn itself answers and logs this
        wait_for(lambda: "Invalid HTTP request" in log.read_text(), "uvicorn logs it")

    lines = log.read_text().splitlines()
    assert all(line.isprintable() for line in lines)
    assert any("[2K" in line for line in lines)
    assert all(line.startswith("{" if style == "json" else "20") for line in lines)
