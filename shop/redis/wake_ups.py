"""Wake-ups: arq jobs that tell a worker to look into the database now.

A wake-up names nothing and carries nothing. Losing one delays a delivery by a fraction of a second
(the worker looks by itself, too), and one too many does nothing. So Redis may be flushed, frozen or
absent. Besides ``worker``, this is the only module that knows arq.
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
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from hookshop.webkit.tasks import end_tasks
from shop.redis.address import connection_pool
from shop.redis.guard import RedisGuard

LOOK_JOB = "look"
SEND_TIMEOUT_SECONDS = 0.25
MAX_JOBS = 100  # at a time; a job only sets a flag
JOB_TIMEOUT_SECONDS = 5
POLL_SECONDS = 0.02  # arq's default of 0.5 s would be most of a webhook's latency
COMMAND_TIMEOUT_SECONDS = 5
LISTEN_AGAIN_SECONDS = 1.0

_NO_REDIS = (RedisError, OSError, TimeoutError)

logger = logging.getLogger(__name__)


class WakeUps:
    """The sending end. At most one enqueue is under way; calls made meanwhile share the next."""

    def __init__(self, redis_url: str) -> None:
        self._arq = _connect(redis_url, timeout=SEND_TIMEOUT_SECONDS)
        self._patience = RedisGuard(SEND_TIMEOUT_SECONDS)
        self._is_wanted = False
        self._is_cut_off = False
        self._sending: asyncio.Task[None] | None = None

    def send(self, *delivery_ids: str) -> None:
        """Wake a worker. Return at once, before Redis has answered; never raise.

        Call it after the commit: a worker that is quicker than the commit would find nothing.
        ``delivery_ids``: for the log, which leads from a request to the attempts that follow.
        """
        for delivery_id in delivery_ids:
            facts = {"delivery_id": delivery_id}
            logger.info("%s: due now, waking a worker", delivery_id, extra=facts)
        self._is_wanted = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            try:
                async with self._patience.bounded():
                    await self._arq.enqueue_job(LOOK_JOB)
                self._is_cut_off = False
            except _NO_REDIS as error:
                if not self._is_cut_off:  # once is enough
                    reason = str(error) or "Redis does not answer"
                    logger.warning("No wake-ups are sent, workers look by themselves: %s", reason)
                self._is_cut_off = True

    async def length(self) -> int:
        """Return how many wake-ups wait or run. Raises ``RedisError`` or ``OSError``."""
        return int(await self._arq.zcard(default_queue_name))

    async def depth(self) -> int | None:
        """Return the same; None when Redis does not answer, which is soon known."""
        try:
            async with self._patience.bounded():
                return await self.length()
        except _NO_REDIS:
            return None

    async def flush(self) -> None:
        """Return when what was to be sent is sent, or Redis has not answered."""
        if self._sending:
            await self._sending

    async def close(self) -> None:
        """Send what is still to be sent, and close the connections."""
        await self.flush()
        await self._arq.aclose(close_connection_pool=True)


async def listen(redis_url: str, wake: Callable[[datetime], None]) -> Never:
    """Call ``wake`` with the time of sending for each wake-up; go on when Redis comes back.

    Whatever is wrong with Redis, this does not end: the worker delivers without it, too.
    """
    while True:
        try:
            await _run_jobs(redis_url, wake)
        except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError) as error:
            logger.warning("No wake-ups come from Redis, the worker looks by itself: %s", error)
        except Exception:
            # A job that arq itself stumbles over would stop it again and again. Wake-ups carry
            # nothing, so dropping all of them costs a fraction of a second.
            logger.exception("Emptying the queue of wake-ups: it holds what arq cannot read")
            await _empty_queue(redis_url)
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


async def _run_jobs(redis_url: str, wake: Callable[[datetime], None]) -> None:
    async def look(context: dict[str, Any]) -> None:
        wake(context["enqueue_time"])

    worker = Worker(
        functions=[func(look, name=LOOK_JOB, timeout=JOB_TIMEOUT_SECONDS, keep_result=0)],  # type: ignore[arg-type]  # arq's type asks for *args and **kwargs
        redis_pool=_connect(redis_url, timeout=COMMAND_TIMEOUT_SECONDS),
        max_jobs=MAX_JOBS,
        poll_delay=POLL_SECONDS,
        handle_signals=False,
        job_serializer=_serialize_job,
        job_deserializer=_deserialize_job,
    )
    running = asyncio.ensure_future(worker.main())
    try:
        await running
    finally:
        await end_tasks(running, *worker.tasks.values())
        with contextlib.suppress(*_NO_REDIS):
            await worker.pool.aclose(close_connection_pool=True)


async def _empty_queue(redis_url: str) -> None:
    pool = _connect(redis_url, timeout=SEND_TIMEOUT_SECONDS)
    with contextlib.suppress(*_NO_REDIS):
        await pool.delete(default_queue_name)
    with contextlib.suppress(*_NO_REDIS):
        await pool.aclose(close_connection_pool=True)


def _connect(redis_url: str, *, timeout: float) -> ArqRedis:
    # Not arq's RedisSettings: it reads addresses in another way than redis-py does.
    return ArqRedis(
        connection_pool(redis_url, socket_connect_timeout=timeout, socket_timeout=timeout),
        job_serializer=_serialize_job,
        job_deserializer=_deserialize_job,
    )


def _serialize_job(job: dict[str, Any]) -> bytes:
    """Jobs travel as JSON: arq's default, pickle, would run whatever someone puts into Redis."""
    return json.dumps(job, default=str).encode()


def _deserialize_job(raw: bytes) -> dict[str, Any]:
    """Return the job, or a plain wake-up in place of one that is malformed.

    arq would end over some malformed jobs, and find them again after each restart.
    """
    job: dict[str, Any] = {"f": LOOK_JOB, "a": (), "k": {}, "t": None}
    try:
        given = json.loads(raw)
        datetime.fromtimestamp(given["et"] / 1000, UTC)  # arq does the same, and ends if it fails
        if given["f"] == LOOK_JOB and isinstance(given["et"], int):
            return job | {"et": given["et"]}
    except (ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
        pass
    logger.warning("A malformed job was dropped from the queue of wake-ups: %.200r", raw)
    return job | {"et": round(time.time() * 1000)}
