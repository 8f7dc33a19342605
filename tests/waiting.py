"""Polls a condition until it is true, with a limit, instead of sleeping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

MAX_WAIT_SECONDS = 30.0  # only a busy machine needs as long
POLL_SECONDS = 0.02

Found = TypeVar("Found")


def wait_for(
    probe: Callable[[], Found | None], what: str, patience: float = MAX_WAIT_SECONDS
) -> Found:
    """Return the first true value of ``probe``. Fail with ``what`` after the limit."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {patience:g} s in vain: {what}")


async def eventually(
    probe: Callable[[], Awaitable[Found | None]], what: str, patience: float = MAX_WAIT_SECONDS
) -> Found:
    """Return the first true value of an asynchronous ``probe``. Fail with ``what``."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := await probe():
            return found
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {patience:g} s in vain: {what}")
