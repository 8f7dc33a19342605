"""A shop for one run: a demo on free ports in a temporary folder, stopped at the end."""

import asyncio
import json
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from hookshop.locations import program_environment, python_command
from shop.exam.shop_port import ShopFailed

MAX_START_SECONDS = 60
STOP_GRACE_SECONDS = 15
MAX_SHOWN_BYTES = 1000
# A run must not use the database or the token of another shop. These decide whom it may call.
KEPT_SETTINGS = ("SHOP_ENDPOINT_POLICY", "SHOP_ALLOWED_NETWORKS")
_FOREIGN = ("HOOKSHOP_", "SHOP_", "SUBSCRIBER_")


@asynccontextmanager
async def running_shop(environ: Mapping[str, str] = os.environ) -> AsyncIterator[str]:
    """Start a demo and yield the URL of its shop. Raise ``ShopFailed`` if it does not start."""
    with tempfile.TemporaryDirectory(prefix="hookshop-exam-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "log")
        process = await _start(Path(folder, "var"), log, environ)
        try:
            yield await _shop_url(process, log)
        finally:
            await _stop(process)


async def _start(var: Path, log: Path, environ: Mapping[str, str]) -> Process:
    options = ["demo", "--shop-port", "0", "--subscriber-port", "0", "--var", str(var), "--json"]
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(_FOREIGN) or name in KEPT_SETTINGS
    }
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *python_command("hookshop"),
            *options,
            env=program_environment(kept),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=output,
            process_group=0,  # Ctrl-C reaches only the exam, which stops the demo
        )


async def _shop_url(process: Process, log: Path) -> str:
    assert process.stdout is not None  # noqa: S101 – it is a pipe
    line = b""
    with suppress(TimeoutError):
        line = await asyncio.wait_for(process.stdout.readline(), MAX_START_SECONDS)
    if not line:
        raise ShopFailed(f"the shop of the exam does not start: {_last_output(log)}")
    url: str = json.loads(line)["shop_url"]
    return url


def _last_output(log: Path) -> str:
    return log.read_text(errors="replace")[-MAX_SHOWN_BYTES:].strip()


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_GRACE_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
