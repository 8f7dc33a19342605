"""Heartbeats: workers write them to Redis, and dashboards read which workers are alive.

Each worker writes its status every second, under a key that expires if no other heartbeat follows.
So clocks of different machines are never compared. Nothing but dashboards and metrics depends on
heartbeats. While Redis is unavailable, it is unknown which workers are alive.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shop.ids import new_id
from shop.redis.guard import RedisGuard

HEARTBEAT_INTERVAL_SECONDS = 1.0
HEARTBEAT_TTL_SECONDS = 4  # three heartbeats may be late or lost
TIMEOUT_SECONDS = 0.25
_WORKERS = "hookshop:workers"  # a set of ids; some of them may be dead

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The status of a worker.

    ``in_flight``: deliveries that it is sending now. ``most_in_flight``: its limit for them.
    """

    id: str
    host: str
    pid: int
    started_at: datetime
    in_flight: int
    most_in_flight: int

    @classmethod
    def of_this_process(cls, *, most_in_flight: int, now: datetime) -> "WorkerStatus":
        """Return the first status of this process.

        It gets a new id, because a pid is not unique: other machines and later processes reuse it.
        """
        id_ = new_id("wrk", now)
        return cls(id_, socket.gethostname(), os.getpid(), now, 0, most_in_flight)


class Heartbeats:
    """The heartbeats in one Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=TIMEOUT_SECONDS)
        self._redis_guard = RedisGuard(TIMEOUT_SECONDS)

    async def run(self, first: WorkerStatus, in_flight: Callable[[], int]) -> None:
        """Write a heartbeat every second until canceled, then remove the worker.

        ``in_flight``: called for each heartbeat.
        """
        try:
            while True:
                await _to_the_end(self.beat(replace(first, in_flight=in_flight())))
                await asyncio.sleep(HEARTBEAT_INTERVAL_SECONDS)
        finally:
            await self.leave(first.id)

    async def beat(self, status: WorkerStatus) -> None:
        """Write one heartbeat. Never raise."""
        with _log_redis_errors("Heartbeat not written"):
            async with self._redis_guard.bounded(), self._redis.pipeline() as commands:
                commands.set(_key(status.id), _serialize(status), ex=HEARTBEAT_TTL_SECONDS)
                commands.sadd(_WORKERS, status.id)
                await commands.execute()

    async def leave(self, worker_id: str) -> None:
        """Remove a worker that has ended. Never raise."""
        with _log_redis_errors("Worker not removed"):
            async with self._redis_guard.bounded(), self._redis.pipeline() as commands:
                commands.delete(_key(worker_id))
                commands.srem(_WORKERS, worker_id)
                await commands.execute()

    async def alive(self) -> list[WorkerStatus] | None:
        """Return all workers that are alive, oldest first, or None if Redis does not answer."""
        with _log_redis_errors("Heartbeats not read"):
            async with self._redis_guard.bounded():
                return await self._read_statuses()
        return None

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._redis.aclose()

    async def _read_statuses(self) -> list[WorkerStatus]:
        ids = [name.decode() for name in await self._redis.smembers(_WORKERS)]
        if not ids:
            return []
        found = await self._redis.mget([_key(id_) for id_ in ids])
        if expired := [id_ for id_, raw in zip(ids, found, strict=True) if raw is None]:
            # A worker that was only late adds itself again with its next heartbeat.
            await self._redis.srem(_WORKERS, *expired)
        statuses = [_deserialize(raw) for raw in found if raw is not None]
        return sorted(statuses, key=lambda status: (status.started_at, status.id))


async def _to_the_end(heartbeat: Coroutine[Any, Any, None]) -> None:
    """Wait for a heartbeat also if canceled meanwhile.

    A removal that overtakes it, on another connection, would leave the worker alive.
    """
    task = asyncio.create_task(heartbeat)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


@contextlib.contextmanager
def _log_redis_errors(failure: str) -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        logger.debug("%s: %s", failure, str(error) or "Redis does not answer")


def _key(worker_id: str) -> str:
    return f"hookshop:worker:{worker_id}"


def _serialize(status: WorkerStatus) -> str:
    return json.dumps(asdict(status) | {"started_at": status.started_at.isoformat()})


def _deserialize(raw: bytes) -> WorkerStatus:
    fields = json.loads(raw)
    return WorkerStatus(**fields | {"started_at": datetime.fromisoformat(fields["started_at"])})
