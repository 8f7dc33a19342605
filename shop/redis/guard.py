"""Bounds the wait for a Redis that does not answer. Used by whoever talks to it but arq itself.

Whoever talks to Redis here has something better to do: an order must not wait for it, and none of
a hundred orders should find out anew that nobody answers.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import TimeoutError as RedisTimeoutError

COOLDOWN_SECONDS = 1.0


class RedisGuard:
    """Waits ``seconds`` for an answer, and then leaves Redis alone for ``cooldown`` seconds."""

    def __init__(self, seconds: float, *, cooldown: float = COOLDOWN_SECONDS) -> None:
        self._seconds = seconds
        self._cooldown = cooldown
        self._silent_until = 0.0

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Talk to Redis in this block. Raises ``TimeoutError`` when it does not answer."""
        clock = asyncio.get_running_loop().time
        if clock() < self._silent_until:
            raise TimeoutError("Redis did not answer a moment ago")
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except (TimeoutError, RedisTimeoutError):
            self._silent_until = clock() + self._cooldown
            raise
