"""Waiting for facts instead of sleeping: poll a condition until it holds, with a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 30.0  # a busy machine may need them; nobody else waits so long
POLL_SECONDS = 0.02

Found = TypeVar("Found")


def wait_for(
    probe: Callable[[], Found | None], what: str, patience: float = PATIENCE_SECONDS
) -> Found:
    """The first true value of ``probe``; fails naming ``what`` did not come about."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {patience:g} s in vain: {what}")


async def eventually(
    probe: Callable[[], Awaitable[Found | None]], what: str, patience: float = PATIENCE_SECONDS
) -> Found:
    """The same for a probe that is a coroutine."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := await probe():
            return found
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {patience:g} s in vain: {what}")
