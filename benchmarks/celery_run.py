"""Runs the Celery baseline in ``.venv-bench`` and prints the seconds.

As with the shop's worker, all tasks are in Redis when the clock starts, and the processes are
running, but suspended. It stops when the receiver has responded to the last task.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.celery_tasks import post

PROCESSES = 2
WARM_UP = 20
POLL_SECONDS = 0.01
MAX_WAIT_SECONDS = 300
WORKER = (
    *("-m", "celery", "--app", "benchmarks.celery_tasks", "--quiet", "worker"),
    *("--concurrency", str(PROCESSES), "--loglevel", "ERROR"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    # In its own session, so that it can be suspended together with its children.
    worker = subprocess.Popen(
        [sys.executable, *WORKER],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        print(_measure(task, worker.pid))
    finally:
        os.killpg(worker.pid, signal.SIGCONT)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _measure(task: dict[str, Any], group: int) -> float:
    webhooks, secret = task["webhooks"], task["secret"]
    url = urlsplit(webhooks[0]["url"])
    count_url = f"{url.scheme}://{url.netloc}/count"
    before = _count(count_url)
    for webhook in webhooks[:1] * WARM_UP:
        post.delay(**webhook, secret=secret)
    _wait_for(before + WARM_UP, count_url)
    os.killpg(group, signal.SIGSTOP)
    for webhook in webhooks:
        post.delay(**webhook, secret=secret)
    started = time.perf_counter()
    os.killpg(group, signal.SIGCONT)
    _wait_for(before + WARM_UP + len(webhooks), count_url)
    return time.perf_counter() - started


def _count(url: str) -> int:
    with urllib.request.urlopen(url) as answer:
        return int(answer.read())


def _wait_for(count: int, url: str) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while _count(url) < count:
        if time.monotonic() > deadline:
            sys.exit(f"Celery has not finished within {MAX_WAIT_SECONDS} s")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
