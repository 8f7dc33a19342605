"""The worker process: ``python -m shop.worker``. Delivers what it is woken for.

A scheduler loop in the same process looks into the database for what is due (retries, lost
wake-ups, claims of dead workers) and wakes workers for it, so nothing depends on Redis remembering.
"""

import asyncio
import contextlib
import gc
import logging
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from arq.worker import Worker, func
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shop.announcements import Change, ChangeFeed
from shop.config import ConfigurationError, Settings, load_settings
from shop.database import Database
from shop.heartbeats import Heartbeats, WorkerSign
from shop.logs import configure_logging
from shop.migrations import WrongSchema
from shop.queue import DELIVER_JOB, DeliveryQueue, connect, deserialise_job, serialise_job
from shop.starting import naming_the_setting, unreachable
from shop.tallies import merge_tallies
from shop.tasks import end_tasks
from shop.times import utc_now
from shop.webhooks.deletion import finish_deletions
from shop.webhooks.delivery import SHIFT, Courier
from shop.webhooks.endpoint_secrets import forget_expired, is_another_key
from shop.webhooks.http_client import HttpClient
from shop.webhooks.in_flight import InFlight
from shop.webhooks.retention import prune
from shop.webhooks.rules import DeliveryRules
from shop.webhooks.vault import Vault

MOST_JOBS = 100  # wake-ups at a time
MOST_IN_FLIGHT = 600  # deliveries at a time; most systems let a process open 1,024 files
POLL_SECONDS = 0.02  # arq's own 0.5 s would be most of a webhook's latency
SCHEDULER_SECONDS = 0.25
THOROUGH_EVERY = 20  # looks: every five seconds
TIDY_SECONDS = 60
LONGEST_QUEUE = 1000  # a backlog waits in the database, not in Redis
JOB_SECONDS = 5  # more than enough: a job only begins a delivery
STOP_MARGIN = timedelta(seconds=10)

logger = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; deliveries in flight are finished first."""
    try:
        settings = load_settings()
        configure_logging(settings.log_format)
        asyncio.run(run(settings))
    except (ConfigurationError, WrongSchema) as error:
        sys.stderr.write(f"shop.worker: {error}\n")
        sys.exit(2)  # no restart will help
    except OperationalError as error:
        sys.exit(f"shop.worker: {unreachable(error)}; start me again")
    except RedisError as error:
        # arq cannot go on without its connection; whoever supervises the process restarts it.
        sys.exit(f"shop.worker: Redis went away ({error}); nothing is lost, start me again")


async def run(settings: Settings) -> None:
    """Deliver until a signal comes.

    Raises ``RedisError`` when Redis goes away, ``OperationalError`` when the database cannot be
    reached at the start, and ``WrongSchema`` when it is not one for this version.
    """
    with naming_the_setting(settings):
        database = await _open_database(settings)
        vault = Vault.open(settings.vault_key_file, settings.secrets_key)
    feed = ChangeFeed(settings.resolved_redis_url)
    queue = DeliveryQueue(settings.resolved_redis_url)
    heartbeats = Heartbeats(settings.resolved_redis_url)
    sender = HttpClient(settings.url_policy, timeout_seconds=settings.request_timeout_seconds)
    rules = _rules(settings)
    courier = Courier(database, sender, feed, vault, rules)
    await _insist_on_the_key(database, vault)
    in_flight = InFlight(courier, most=MOST_IN_FLIGHT)
    worker = _arq_worker(settings, in_flight)
    scheduler = asyncio.create_task(schedule(courier, queue, in_flight))
    tidying = asyncio.create_task(tidy(database, feed))
    pruning = asyncio.create_task(keep_pruned(database, feed, settings.retention_days))
    beating = asyncio.create_task(heartbeats.beat_on(_sign(), lambda: in_flight.count))
    # What is there by now stays to the end, and is most of what there is. To look through it again
    # and again for garbage would take a busy worker nearly a tenth of its time.
    gc.freeze()
    try:
        logger.info("The worker looks for deliveries")
        # On a signal arq cancels its own main task.
        with contextlib.suppress(asyncio.CancelledError):
            await worker.async_run()
    finally:
        await end_tasks(scheduler, tidying, pruning)
        await in_flight.finish(SHIFT + rules.request_timeout + STOP_MARGIN)
        await end_tasks(beating)
        logger.info("The worker has finished what it had begun")
        await _close(worker)
        for part in (sender, queue, feed, heartbeats, database):
            await part.close()


async def _close(worker: Worker) -> None:
    """Close it; arq cancels jobs on a signal, and its ``close`` alone would raise that they were.

    A job is only a wake-up. One that is cut off while arq puts it away is done once more.
    """
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    worker.tasks.clear()
    await worker.close()


async def _insist_on_the_key(database: Database, vault: Vault) -> None:
    """With another machine's key each delivery would use up its schedule, and none would go out."""
    async with database.reading() as session:
        if await is_another_key(session, vault):
            raise ConfigurationError(
                "the key at hand is not the one that locked the endpoints' secrets: set "
                "SHOP_SECRETS_KEY, or copy secrets.key from the first machine into HOOKSHOP_VAR"
            )


async def _open_database(settings: Settings) -> Database:
    database = Database(settings.resolved_database_url)
    try:
        await database.create_tables()
    except BaseException:
        await database.close()
        raise
    return database


async def schedule(courier: Courier, queue: DeliveryQueue, in_flight: InFlight) -> None:
    """Wake workers for whatever the database says is due, for ever."""
    for look in count():
        with _going_on("Scheduler"):
            await _wake_due(courier, queue, in_flight, is_thorough=look % THOROUGH_EVERY == 0)
        await courier.ledger.endpoint_is_back(within=SCHEDULER_SECONDS)


async def tidy(database: Database, feed: ChangeFeed) -> None:
    """Finish deletions, delete secrets after their grace, and keep the tallies short, for ever."""
    while True:
        with _going_on("Tidying"):
            async with database.writing() as session:
                await forget_expired(session, now=datetime.now(UTC))
                await merge_tallies(session)
        with _going_on("Finishing deletions"):
            if await finish_deletions(database, clock=utc_now):
                await feed.announce(Change.everything())
        await asyncio.sleep(TIDY_SECONDS)


async def keep_pruned(database: Database, feed: ChangeFeed, days: int | None) -> None:
    """Delete deliveries that succeeded so many days ago, for ever; None: nothing is deleted."""
    while days:
        before = datetime.now(UTC) - timedelta(days=days)
        with _going_on("Pruning"):
            if count := await prune(database, before=before):
                logger.info("Pruned %d deliveries that succeeded before %s", count, before)
                await feed.announce(Change.everything())
        await asyncio.sleep(TIDY_SECONDS)


@contextlib.contextmanager
def _going_on(name: str) -> Iterator[None]:
    """Whatever one round fails of, the next one comes: nobody would notice that there is none."""
    try:
        yield
    except SQLAlchemyError as error:
        logger.warning("%s: %s", name, error)
    except Exception:
        logger.exception("%s: going on in spite of this", name)


async def _wake_due(
    courier: Courier, queue: DeliveryQueue, in_flight: InFlight, *, is_thorough: bool
) -> None:
    try:
        room = LONGEST_QUEUE - await queue.length()
    except (RedisError, OSError) as error:
        logger.warning("Scheduler: going on without Redis (%s)", error)
        due = await courier.find_due(limit=MOST_IN_FLIGHT, is_thorough=is_thorough)
        for delivery_id in due:
            in_flight.begin(delivery_id)
        return
    if room > 0:
        await queue.wake(await courier.find_due(limit=room, is_thorough=is_thorough))


class RedisWorker(Worker):
    """arq's worker on a connection of ours: arq itself reads addresses in a way of its own."""

    def __init__(self, redis_url: str, **options: Any) -> None:
        super().__init__(**options)
        self._redis_url = redis_url

    async def main(self) -> None:
        """Wait for Redis, then work."""
        self._pool = await connect(self._redis_url)
        await super().main()


def _sign() -> WorkerSign:
    return WorkerSign.of_this_process(most_in_flight=MOST_IN_FLIGHT, now=datetime.now(UTC))


def _rules(settings: Settings) -> DeliveryRules:
    return DeliveryRules(
        schedule=settings.retry_schedule,
        request_timeout=timedelta(seconds=settings.request_timeout_seconds),
        issuer=settings.base_url,
        now=lambda: datetime.now(UTC),
        random=random.random,
        disable_after=settings.disable_after_failures,
    )


def _arq_worker(settings: Settings, in_flight: InFlight) -> Worker:
    async def deliver(context: dict[str, Any], delivery_ids: list[str]) -> None:
        for delivery_id in delivery_ids:
            in_flight.begin(delivery_id, enqueued_at=context["enqueue_time"])

    return RedisWorker(
        settings.resolved_redis_url,
        # arq's type asks for *args and **kwargs, which would hide what the job takes.
        functions=[func(deliver, name=DELIVER_JOB, timeout=JOB_SECONDS, keep_result=0)],  # type: ignore[arg-type]
        max_jobs=MOST_JOBS,
        poll_delay=POLL_SECONDS,
        job_serializer=serialise_job,
        job_deserializer=deserialise_job,
    )


if __name__ == "__main__":
    main()
