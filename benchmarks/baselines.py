"""The baselines for the worker: programs that sign and post the same bytes and record nothing.

They are fast because they may lose webhooks: they store nothing, and do not retry.
"""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.processes import ROOT, running, wait_until
from hookshop.redis_socket import private_redis_socket
from shop.webhooks.rules.signing import LiveSecret, SignedContent, signing_headers

IN_FLIGHT = 50
TIMEOUT_SECONDS = 60
RUN_SECONDS = 600  # a hanging baseline must not block the benchmark
CELERY_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
CELERY_PROCESSES = 2
NODE_FOLDER = ROOT / "benchmarks" / "node"
HTTPX, AIOHTTP, CELERY, NODE = (
    f"bare httpx, {IN_FLIGHT} in flight",
    "the same over aiohttp",
    f"Celery and requests, {CELERY_PROCESSES} processes",
    f"Node: BullMQ and undici, {IN_FLIGHT} in flight",
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook to send. ``body``: the body of the stored message, as text."""

    url: str
    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Task:
    """The work for a baseline."""

    webhooks: Sequence[Webhook]
    secret: str


def run_httpx(task: Task) -> float:
    """Return the seconds with httpx."""
    return asyncio.run(_with_httpx(task))


def run_aiohttp(task: Task) -> float:
    """Return the seconds with httpx over aiohttp."""
    return asyncio.run(_with_aiohttp(task))


async def _with_httpx(task: Task) -> float:
    # Keep as many connections as are used; by default, some would be closed and reopened.
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        return await _post_all(client, task)


async def _with_aiohttp(task: Task) -> float:
    async with HttpxAiohttpClient(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        return await _post_all(client, task)


async def _post_all(client: httpx.AsyncClient, task: Task) -> float:
    waiting = iter(task.webhooks)
    secrets = [LiveSecret("sec_bench", task.secret)]

    async def send_next() -> None:
        for webhook in waiting:  # shared by all, so each webhook is posted once
            body = webhook.body.encode()
            content = SignedContent(webhook.message_id, int(time.time()), body)
            headers = signing_headers(
                content, secrets, issuer="http://shop.example", audience=webhook.url
            )
            headers["Content-Type"] = "application/json"
            answer = await client.post(webhook.url, headers=headers, content=body)
            answer.raise_for_status()

    started = time.perf_counter()
    await asyncio.gather(*(send_next() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - started


def has_celery() -> bool:
    """Return whether the environment for Celery exists; ``make bench`` sets it up."""
    return CELERY_PYTHON.exists()


def run_celery(task: Task, var: Path) -> float:
    """Return the seconds. Celery has a separate environment, because of its dependencies.

    ``var``: a folder for its Redis.
    """
    with _redis_and_task_file(task, var) as (socket, file):
        return _seconds_of(
            [str(CELERY_PYTHON), "-m", "benchmarks.celery_run", str(file)],
            BENCH_REDIS_URL=f"redis+socket://{socket}",
        )


def has_node() -> bool:
    """Return whether Node and the packages are installed; ``make bench`` installs the packages."""
    return shutil.which("node") is not None and (NODE_FOLDER / "node_modules" / "bullmq").exists()


def run_node(task: Task, var: Path) -> float:
    """Return the seconds. ``var``: a folder for its Redis."""
    with _redis_and_task_file(task, var) as (socket, file):
        return _seconds_of(["node", str(NODE_FOLDER / "run.mjs"), str(file), str(socket)])


@contextmanager
def _redis_and_task_file(task: Task, var: Path) -> Iterator[tuple[Path, Path]]:
    """Run a Redis for another program, and write its task to a file."""
    var.mkdir(parents=True, exist_ok=True)
    file, socket = var / "task.json", private_redis_socket(var)
    file.write_text(json.dumps(asdict(task)))
    with running("hookshop.demo.private_redis", HOOKSHOP_VAR=str(var)):
        wait_until(socket.exists, "Redis listens")
        yield socket, file


def _seconds_of(command: Sequence[str], **environment: str) -> float:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        timeout=RUN_SECONDS,
        check=True,
    )
    return float(done.stdout)
