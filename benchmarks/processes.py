"""Programs as processes of their own, to be measured from outside."""

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
LOOK_SECONDS = 0.01


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m …`` for as long as the block runs; only its last errors are shown."""
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


def end_tidily_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does: what it has started is stopped as well."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; it is not asked twice."""
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(reached: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Look again and again. Ends the program if it takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)


def wait_until_serving(url: str) -> None:
    """Until ``GET /healthz`` is answered with 200."""
    wait_until(lambda: answers(f"{url}/healthz"), f"{url} serves")


def answers(url: str) -> bool:
    """Whether it is there and well."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def freeze(pids: Sequence[int]) -> None:
    """Stop these processes where they are: they keep their connections, and take nothing in."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def thaw(pids: Sequence[int]) -> None:
    """Let them go on."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def memory_mb(pid: int) -> float:
    """Resident memory of one process, shared pages included."""
    return float(psutil.Process(pid).memory_info().rss) / 1_000_000
