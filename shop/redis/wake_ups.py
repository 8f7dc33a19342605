"""Wake-ups: arq jobs that make a worker look for due deliveries now.

A wake-up has no data. If one is lost, a delivery is late by a fraction of a second, because workers
also poll the database; an extra one is harmless. So Redis may be flushed, frozen or unavailable.
This is the only module that uses arq.

arq's worker polls Redis for jobs. Polling every 20 ms would use 3 % of a core at rest and delay a
webhook by 10 ms. So each wake-up also sends a notification (pub/sub), and the worker polls when one
arrives, and every quarter of a second in case one is lost. A busy worker leaves wake-ups to idle
ones for a moment; otherwise, the worker that Redis notifies first would take all of them.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Never

from arq.connections import ArqRedis
from arq.constants import default_queue_name
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from hookshop.webkit.tasks import end_tasks
from shop.redis.address import connection_pool
from shop.redis.guard import RedisGuard

LOOK_JOB = "look"
NOTIFY_CHANNEL = "hookshop:wake-ups"
SEND_TIMEOUT_SECONDS = 0.25
# Between two wake-ups. Workers look no more often, and each wake-up costs shop, Redis and worker
# 2 ms in total.
MIN_INTERVAL_SECONDS = 0.02
MAX_JOBS = 100  # at a time; a job only sets a flag
JOB_TIMEOUT_SECONDS = 5
POLL_INTERVAL_SECONDS = 0.25  # when no notification arrives
MAX_WAIT_WHILE_BUSY_SECONDS = 0.1  # then a busy worker takes a wake-up that no other has taken
HEALTH_CHECK_SECONDS = 30  # a silent connection is checked with a PING
COMMAND_TIMEOUT_SECONDS = 5
RECONNECT_INTERVAL_SECONDS = 1.0

_REDIS_ERRORS = (RedisError, OSError, TimeoutError)

logger = logging.getLogger(__name__)


class WakeUps:
    """Sends wake-ups. At most one enqueue runs at a time; calls made meanwhile share the next."""

    def __init__(self, redis_url: str) -> None:
        self._arq = _connect(redis_url, timeout=SEND_TIMEOUT_SECONDS)
        self._redis_guard = RedisGuard(SEND_TIMEOUT_SECONDS)
        self._is_requested = False
        self._has_warned = False
        self._sending: asyncio.Task[None] | None = None

    def send(self, *delivery_ids: str) -> None:
        """Wake a worker. Return immediately, before Redis has answered. Never raise.

        Call it after the commit, so that the worker finds the deliveries. ``delivery_ids``: logged,
        so that the log connects a request with its deliveries.
        """
        for delivery_id in delivery_ids:
            facts = {"delivery_id": delivery_id}
            logger.info("%s: due now, waking a worker", delivery_id, extra=facts)
        self._is_requested = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._is_requested:
            self._is_requested = False
            try:
                async with self._redis_guard.bounded():
                    await self._arq.enqueue_job(LOOK_JOB)
                    await self._arq.publish(NOTIFY_CHANNEL, "")
                self._has_warned = False
            except _REDIS_ERRORS as error:
                if not self._has_warned:
                    reason = str(error) or "Redis does not answer"
                    logger.warning("Cannot send wake-ups, workers only poll: %s", reason)
                self._has_warned = True
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    async def length(self) -> int:
        """Return the number of wake-ups that wait or run. Raise ``RedisError`` or ``OSError``."""
        return int(await self._arq.zcard(default_queue_name))

    async def depth(self) -> int | None:
        """Return ``length()``, or None if Redis does not answer within a fraction of a second."""
        try:
            async with self._redis_guard.bounded():
                return await self.length()
        except _REDIS_ERRORS:
            return None

    async def flush(self) -> None:
        """Wait until all wake-ups are sent or Redis has failed to answer."""
        if self._sending:
            await self._sending

    async def close(self) -> None:
        """Send the remaining wake-ups and close the connections."""
        await self.flush()
        await self._arq.aclose(close_connection_pool=True)


async def listen(redis_url: str, wake: Callable[[datetime], None], is_idle: asyncio.Event) -> Never:
    """Call ``wake`` with the time of sending for each wake-up. Reconnect after each failure.

    ``is_idle``: set while the worker would look at once. This never ends because of Redis: the
    worker delivers without it.
    """
    while True:
        try:
            await _run_jobs(redis_url, wake, is_idle)
        except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError) as error:
            logger.warning("Cannot receive wake-ups, the worker only polls: %s", error)
        except Exception:
            # A job on which arq fails would stop it again and again. Wake-ups have no data, so
            # dropping all of them only delays deliveries by a fraction of a second.
            logger.exception("arq failed, perhaps on a malformed job: emptying the wake-up queue")
            await _empty_queue(redis_url)
        await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)


async def _run_jobs(
    redis_url: str, wake: Callable[[datetime], None], is_idle: asyncio.Event
) -> None:
    async def look(context: dict[str, Any]) -> None:
        wake(context["enqueue_time"])

    notified = asyncio.Event()
    worker = _Worker(
        notified,
        is_idle,
        functions=[func(look, name=LOOK_JOB, timeout=JOB_TIMEOUT_SECONDS, keep_result=0)],  # type: ignore[arg-type]  # arq's type asks for *args and **kwargs
        redis_pool=_connect(redis_url, timeout=COMMAND_TIMEOUT_SECONDS),
        max_jobs=MAX_JOBS,
        poll_delay=0,  # it waits for notifications instead
        handle_signals=False,
        job_serializer=_serialize_job,
        job_deserializer=_deserialize_job,
    )
    running = [
        asyncio.ensure_future(worker.main()),
        asyncio.ensure_future(_subscribe(redis_url, notified)),
    ]
    try:
        await asyncio.gather(*running)
    finally:
        try:
            await end_tasks(*running)
        finally:
            await end_tasks(*worker.tasks.values())  # only now: until then, arq may start more
            with contextlib.suppress(*_REDIS_ERRORS):
                await worker.pool.aclose(close_connection_pool=True)


class _Worker(Worker):
    """Polls Redis for jobs after a notification, and every ``POLL_INTERVAL_SECONDS`` without one.

    ``_poll_iteration`` is not public in arq, which has no other way to replace the fixed delay;
    the tests fail if a new version of arq no longer calls it.
    """

    def __init__(self, notified: asyncio.Event, is_idle: asyncio.Event, **options: Any) -> None:
        super().__init__(**options)
        self._notified = notified
        self._is_idle = is_idle

    async def _poll_iteration(self) -> None:
        await _wait(self._notified, at_most=POLL_INTERVAL_SECONDS)
        await _wait(self._is_idle, at_most=MAX_WAIT_WHILE_BUSY_SECONDS)
        self._notified.clear()
        await super()._poll_iteration()


async def _wait(event: asyncio.Event, *, at_most: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most):
            await event.wait()


async def _subscribe(redis_url: str, notified: asyncio.Event) -> Never:
    """Set ``notified`` for each wake-up. Raise an error of redis-py when the connection is lost."""
    options = {"socket_connect_timeout": COMMAND_TIMEOUT_SECONDS}
    pool = connection_pool(redis_url, **options, health_check_interval=HEALTH_CHECK_SECONDS)
    async with Redis.from_pool(pool) as redis, redis.pubsub() as pubsub:
        await pubsub.subscribe(NOTIFY_CHANNEL)
        while True:
            # The first message confirms the subscription; jobs may have been enqueued before it.
            if await pubsub.get_message(timeout=HEALTH_CHECK_SECONDS):
                notified.set()


async def _empty_queue(redis_url: str) -> None:
    pool = _connect(redis_url, timeout=SEND_TIMEOUT_SECONDS)
    with contextlib.suppress(*_REDIS_ERRORS):
        await pool.delete(default_queue_name)
    with contextlib.suppress(*_REDIS_ERRORS):
        await pool.aclose(close_connection_pool=True)


def _connect(redis_url: str, *, timeout: float) -> ArqRedis:
    # Do not use arq's RedisSettings: it reads addresses differently from redis-py.
    return ArqRedis(
        connection_pool(redis_url, socket_connect_timeout=timeout, socket_timeout=timeout),
        job_serializer=_serialize_job,
        job_deserializer=_deserialize_job,
    )


def _serialize_job(job: dict[str, Any]) -> bytes:
    """Return the job as JSON. With arq's default, pickle, a job from an attacker could run code."""
    return json.dumps(job, default=str).encode()


def _deserialize_job(raw: bytes) -> dict[str, Any]:
    """Return the job, or a new wake-up if it is malformed.

    Some malformed jobs would end arq, and again after each restart.
    """
    job: dict[str, Any] = {"f": LOOK_JOB, "a": (), "k": {}, "t": None}
    try:
        given = json.loads(raw)
        datetime.fromtimestamp(given["et"] / 1000, UTC)  # arq does the same, and ends if it fails
        if given["f"] == LOOK_JOB and isinstance(given["et"], int):
            return job | {"et": given["et"]}
    except (ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
        pass
    logger.warning("Malformed job in the wake-up queue, dropped: %.200r", raw)
    return job | {"et": round(time.time() * 1000)}
