"""Limits the time that is lost when Redis does not answer.

If a hundred orders come while Redis hangs, only the first one waits for a timeout. Commands of
arq's worker do not use this guard.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import TimeoutError as RedisTimeoutError

COOLDOWN_SECONDS = 1.0


class RedisGuard:
    """Limits commands to ``seconds``. After a timeout, refuses them for ``cooldown`` seconds."""

    def __init__(self, seconds: float, *, cooldown: float = COOLDOWN_SECONDS) -> None:
        self._seconds = seconds
        self._cooldown = cooldown
        self._cooldown_until = 0.0

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Run Redis commands in this block. Raise ``TimeoutError`` if Redis does not answer."""
        clock = asyncio.get_running_loop().time
        if clock() < self._cooldown_until:
            raise TimeoutError("Redis did not answer a moment ago")
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except (TimeoutError, RedisTimeoutError):
            self._cooldown_until = clock() + self._cooldown
            raise
