"""Wakes the workers: arq jobs that name deliveries which may be due.

Called after the commit by whoever made a delivery due, and by the worker's scheduler for whatever
the database says is due. Jobs are wake-ups, not truth: losing one delays a delivery, doing one
twice does nothing. Besides ``worker``, this is the only module that knows arq.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from arq.connections import ArqRedis
from arq.constants import default_queue_name
from redis.exceptions import RedisError

from shop.batches import Batches
from shop.logs import request_id
from shop.redis_address import connection_pool
from shop.redis_patience import RedisPatience

WAKE_TIMEOUT_SECONDS = 0.25  # an order never waits longer than this for Redis
CONNECT_TIMEOUT_SECONDS = 1
# A worker is often started together with its Redis.
START_ATTEMPTS = 6
START_PAUSE_SECONDS = 1
DELIVER_JOB = "deliver"
# Deliveries in one job. It costs half a millisecond, whatever it names, so they should be several;
# and it goes to one worker, so they should not be all.
LARGEST_WAKE_UP = 10
# Two wake-ups for the same deliveries in the same window are one job. The window is short, since
# the mark of a job whose worker was killed outlives that worker and would keep new wake-ups out.
DEDUPLICATION_WINDOW_SECONDS = 5

_NO_REDIS = (RedisError, OSError, TimeoutError)

logger = logging.getLogger(__name__)


def serialise_job(job: dict[str, Any]) -> bytes:
    """Jobs travel as JSON: arq's default, pickle, would run whatever someone puts into Redis."""
    return json.dumps(job, default=str).encode()


def deserialise_job(raw: bytes) -> dict[str, Any]:
    """The counterpart of ``serialise_job``."""
    job: dict[str, Any] = json.loads(raw)
    return job


async def connect(redis_url: str) -> ArqRedis:
    """Return a worker's connection, as soon as Redis answers.

    Raises ``RedisError`` when it does not at any of ``START_ATTEMPTS`` attempts.
    """
    redis = ArqRedis(
        connection_pool(redis_url, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS),
        job_serializer=serialise_job,
        job_deserializer=deserialise_job,
    )
    try:
        await _wait_until_it_answers(redis)
    except BaseException:
        await redis.aclose(close_connection_pool=True)
        raise
    return redis


async def _wait_until_it_answers(redis: ArqRedis) -> None:
    for attempts_left in reversed(range(START_ATTEMPTS)):
        try:
            await redis.ping()
        except RedisError as error:
            if not attempts_left:
                raise
            logger.warning("Waiting for Redis: %s", error)
            await asyncio.sleep(START_PAUSE_SECONDS)
        else:
            return


class DeliveryQueue:
    """The sending end of the queue."""

    def __init__(self, redis_url: str) -> None:
        self._arq = ArqRedis(
            connection_pool(
                redis_url,
                socket_connect_timeout=WAKE_TIMEOUT_SECONDS,
                socket_timeout=WAKE_TIMEOUT_SECONDS,
            ),
            job_serializer=serialise_job,
            job_deserializer=deserialise_job,
        )
        self._patience = RedisPatience(WAKE_TIMEOUT_SECONDS)
        # Orders that come at the same moment share a job: in a burst, jobs would be most of the
        # workers' work.
        self._wake_ups = Batches(self._enqueue, most=LARGEST_WAKE_UP, fails_for_all=_NO_REDIS)

    async def wake(self, delivery_ids: Iterable[str]) -> None:
        """Ask the workers to look at these deliveries. Never raises.

        Call it after the commit: a worker that is quicker than the commit would find nothing.
        """
        ids = list(delivery_ids)
        if request_id.get():  # somebody's wish; the scheduler would say it again and again
            for delivery_id in ids:
                facts = {"delivery_id": delivery_id}
                logger.info("Delivery %s may go out now", delivery_id, extra=facts)
        try:
            async with self._patience.bounded():
                await self._wake_ups.submit(ids)
        except _NO_REDIS as error:
            logger.warning(
                "No wake-up, the scheduler will find it: %s", str(error) or "Redis does not answer"
            )

    async def _enqueue(self, tell: Callable[[], Sequence[list[str]]]) -> list[None]:
        wake_ups = tell()
        for chunk in _chunks([id_ for ids in wake_ups for id_ in ids]):
            await self._arq.enqueue_job(DELIVER_JOB, chunk, _job_id=_job_id(chunk))
        return [None] * len(wake_ups)

    async def length(self) -> int:
        """How many jobs wait or run. Raises ``RedisError`` or ``OSError``."""
        return int(await self._arq.zcard(default_queue_name))

    async def depth(self) -> int | None:
        """The same for people to look at; None when Redis does not answer, which is soon known."""
        try:
            async with self._patience.bounded():
                return await self.length()
        except _NO_REDIS:
            return None

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._arq.aclose(close_connection_pool=True)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), LARGEST_WAKE_UP):
        yield ids[start : start + LARGEST_WAKE_UP]


def _job_id(ids: list[str]) -> str:
    window = int(time.time() // DEDUPLICATION_WINDOW_SECONDS)
    digest = hashlib.sha256(" ".join(ids).encode()).hexdigest()
    return f"{digest[:32]}.{window}"
