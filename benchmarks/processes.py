"""Starts and controls the processes that are measured."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
START_SECONDS = 30
STOP_SECONDS = 20
POLL_SECONDS = 0.01


def free_port() -> int:
    """Return a port that is currently unused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m …`` until the block ends, without its output."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        stop(process)


def exit_on_sigterm() -> None:
    """Exit on SIGTERM with an exception, so that started processes are stopped as well."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the process with SIGTERM, and kill it after ``STOP_SECONDS``."""
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(reached: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Wait until ``reached`` returns True. Exit the program after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def wait_until_serving(url: str) -> None:
    """Wait until ``GET /healthz`` responds with 200."""
    wait_until(lambda: responds(f"{url}/healthz"), f"{url} serves")


def responds(url: str) -> bool:
    """Return whether the URL responds with a success."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def suspend(pids: Sequence[int]) -> None:
    """Suspend these processes. They keep their connections."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def resume(pids: Sequence[int]) -> None:
    """Resume these processes."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def memory_mb(pid: int) -> float:
    """Return the resident memory of one process, including shared pages."""
    return float(psutil.Process(pid).memory_info().rss) / 1_000_000
