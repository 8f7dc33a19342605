"""Workers say that they are alive, and the dashboard asks who does: both ends of it.

Each worker writes a sign of life into Redis every second, under a key that Redis forgets by itself
when no other follows; so no clocks of different machines are compared. Like wake-ups, signs are not
truth: nothing is decided by them, and while Redis is away the answer is that nobody knows.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shop.ids import new_id
from shop.redis.guard import RedisGuard

BEAT_SECONDS = 1.0
FORGOTTEN_AFTER_SECONDS = 4  # three signs may be late or lost
TIMEOUT_SECONDS = 0.25
_WORKERS = "hookshop:workers"  # a set of ids; some of them may be dead

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says of itself. ``in_flight``: deliveries it is busy with at this moment.

    ``most_in_flight``: how many it takes at a time.
    """

    id: str
    host: str
    pid: int
    started_at: datetime
    in_flight: int
    most_in_flight: int

    @classmethod
    def of_this_process(cls, *, most_in_flight: int, now: datetime) -> "WorkerStatus":
        """The first sign. A pid alone comes again, on other machines and after a restart."""
        name = new_id("wrk", now)
        return cls(name, socket.gethostname(), os.getpid(), now, 0, most_in_flight)


class Heartbeats:
    """The signs of life in one Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=TIMEOUT_SECONDS)
        self._patience = RedisGuard(TIMEOUT_SECONDS)

    async def run(self, first: WorkerStatus, in_flight: Callable[[], int]) -> None:
        """Say every second that this worker is alive, until cancelled. For the worker.

        ``in_flight``: asked each time. An end in good order is said at once, and need not be
        concluded from silence.
        """
        try:
            while True:
                await self.beat(replace(first, in_flight=in_flight()))
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await self.leave(first.id)

    async def beat(self, sign: WorkerStatus) -> None:
        """Say once that a worker is alive. Never raises."""
        with _unless_redis_is_away("No sign of life"):
            async with self._patience.bounded(), self._redis.pipeline() as commands:
                commands.set(_key(sign.id), _serialise(sign), ex=FORGOTTEN_AFTER_SECONDS)
                commands.sadd(_WORKERS, sign.id)
                await commands.execute()

    async def leave(self, worker_id: str) -> None:
        """Say that a worker has ended. Never raises."""
        with _unless_redis_is_away("No farewell"):
            async with self._patience.bounded(), self._redis.pipeline() as commands:
                commands.delete(_key(worker_id))
                commands.srem(_WORKERS, worker_id)
                await commands.execute()

    async def alive(self) -> list[WorkerStatus] | None:
        """All workers that are alive, the oldest first; None when Redis does not answer."""
        with _unless_redis_is_away("Nobody knows who is alive"):
            async with self._patience.bounded():
                return await self._read_signs()
        return None

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._redis.aclose()

    async def _read_signs(self) -> list[WorkerStatus]:
        ids = [name.decode() for name in await self._redis.smembers(_WORKERS)]
        if not ids:
            return []
        signs = await self._redis.mget([_key(id_) for id_ in ids])
        if silent := [id_ for id_, raw in zip(ids, signs, strict=True) if raw is None]:
            # Whoever was only late enters itself again with its next sign.
            await self._redis.srem(_WORKERS, *silent)
        found = [_deserialise(raw) for raw in signs if raw is not None]
        return sorted(found, key=lambda sign: (sign.started_at, sign.id))


@contextlib.contextmanager
def _unless_redis_is_away(otherwise: str) -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        logger.debug("%s: %s", otherwise, str(error) or "Redis does not answer")


def _key(worker_id: str) -> str:
    return f"hookshop:worker:{worker_id}"


def _serialise(sign: WorkerStatus) -> str:
    return json.dumps(asdict(sign) | {"started_at": sign.started_at.isoformat()})


def _deserialise(raw: bytes) -> WorkerStatus:
    fields = json.loads(raw)
    return WorkerStatus(**fields | {"started_at": datetime.fromisoformat(fields["started_at"])})
