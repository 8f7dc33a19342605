"""Bounds what the exam sends: how many requests at once, and how many a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_REQUESTS_PER_SECOND = 20
MAX_REQUESTS_AT_ONCE = 10


class Pacer:
    """Lets requests pass one by one. Create it in a running event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MAX_REQUESTS_AT_ONCE)
        self._next_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until another request may be sent. It counts as under way until the block ends."""
        async with self._slots:
            now = asyncio.get_running_loop().time()
            start = max(now, self._next_at)
            self._next_at = start + 1 / MAX_REQUESTS_PER_SECOND
            await asyncio.sleep(start - now)
            yield
