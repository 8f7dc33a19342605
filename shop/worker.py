"""The worker process: ``python -m shop.worker``. It delivers until SIGTERM or SIGINT.

Wake-ups from Redis set a flag in the dispatcher, which then looks for due deliveries in the
database. Housekeeping tasks run in the background.
"""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.folder_use import mark_in_use
from hookshop.webkit.logs import configure_logging
from hookshop.webkit.settings import ConfigurationError
from hookshop.webkit.sqlite import GONE, FileIdentity, sqlite_file
from hookshop.webkit.starting import exit_on_setup_error, map_setup_errors
from hookshop.webkit.tasks import end_tasks
from hookshop.webkit.times import utc_now
from shop.config import Settings, load_settings
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.counters import merge_tallies
from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed
from shop.redis.heartbeats import Heartbeats, WorkerStatus
from shop.redis.wake_ups import WakeUps, listen
from shop.sandboxes.cleanup import clean_up as clean_up_sandboxes
from shop.vocabulary import LOG_FIELDS
from shop.webhooks.endpoints.deletion import finish_deletions
from shop.webhooks.endpoints.secrets import delete_expired, is_wrong_key
from shop.webhooks.engine.dispatcher import Dispatcher
from shop.webhooks.engine.due import correct_future_times
from shop.webhooks.engine.http_client import HttpClient
from shop.webhooks.engine.retention import prune
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.slots import MAX_IN_FLIGHT

CORRECTION_INTERVAL_SECONDS = 5
SANDBOX_INTERVAL_SECONDS = 5
CLEANUP_INTERVAL_SECONDS = 60
DATABASE_CHECK_INTERVAL_SECONDS = 0.5
STOP_MARGIN = timedelta(seconds=10)  # after the request timeout, to record the last attempts

logger = logging.getLogger(__name__)


def main() -> None:
    """Run until a signal arrives; then finish the deliveries in flight."""
    with exit_on_setup_error("shop.worker", advice="start the worker again when it is available"):
        settings = load_settings()
        configure_logging(settings.log_format, LOG_FIELDS)
        with bound_to(ALL):  # a worker serves all sandboxes
            has_lost_database = asyncio.run(run(settings))
    if has_lost_database:
        sys.exit(1)


async def run(settings: Settings) -> bool:
    """Deliver until a signal arrives or the file of the database is gone; return whether it is.

    Raise ``OperationalError`` if the database cannot be reached at the start, ``WrongSchema`` if it
    is of another version, and ``ConfigurationError`` if the encryption key is the wrong one.
    """
    stop = _stop_signal()
    mark_in_use(settings.var)
    with map_setup_errors(settings):
        database = await _open_database(settings)
        encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    file = sqlite_file(settings.resolved_database_url)
    opened = FileIdentity(file) if file else None
    await _check_encryption_key(database, encryption)
    wake_ups = WakeUps(settings.resolved_redis_url)
    feed = ChangeFeed(settings.resolved_redis_url)
    heartbeats = Heartbeats(settings.resolved_redis_url)
    client = HttpClient(settings.url_policy, timeout_seconds=settings.request_timeout_seconds)
    delivery = _delivery_settings(settings)
    dispatcher = Dispatcher(database, client, feed, wake_ups, encryption, delivery)
    status = WorkerStatus.of_this_process(most_in_flight=MAX_IN_FLIGHT, now=datetime.now(UTC))
    dispatching = asyncio.create_task(dispatcher.run())
    heartbeating = asyncio.create_task(heartbeats.run(status, lambda: dispatcher.in_flight))
    listening = asyncio.create_task(
        listen(settings.resolved_redis_url, dispatcher.wake, dispatcher.is_idle)
    )
    housekeeping = [asyncio.create_task(each) for each in _housekeeping(database, feed, settings)]
    watching = asyncio.create_task(_watch_database(opened, stop))
    try:
        logger.info("Worker started")
        await stop.wait()
    finally:
        has_lost_database = watching.done()
        await end_tasks(listening, watching, *housekeeping)
        dispatcher.stop()
        if not has_lost_database:
            timeout = dispatcher.longest_timeout() + STOP_MARGIN
            await asyncio.wait([dispatching], timeout=timeout.total_seconds())
        await end_tasks(dispatching, heartbeating)
        logger.info("Worker stopped")
        for part in (client, wake_ups, feed, heartbeats, database):
            await part.close()
    return has_lost_database


async def _watch_database(opened: FileIdentity | None, stop: asyncio.Event) -> None:
    """Return and set ``stop`` when the file of the database is gone. ``None``: PostgreSQL."""
    while True:
        await asyncio.sleep(DATABASE_CHECK_INTERVAL_SECONDS)
        if opened and opened.is_gone():
            logger.error(GONE, opened.path)
            stop.set()
            return


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _open_database(settings: Settings) -> Database:
    database = Database(settings.resolved_database_url)
    try:
        await database.create_tables()
    except BaseException:
        await database.close()
        raise
    return database


async def _check_encryption_key(database: Database, encryption: Encryption) -> None:
    """Raise ``ConfigurationError`` if the key does not decrypt the endpoints' secrets.

    With the wrong key, no delivery could be signed, and all of them would fail.
    """
    async with database.reading() as session:
        if not await is_wrong_key(session, encryption):
            return
    await database.close()
    raise ConfigurationError(
        "the key does not decrypt the endpoints' secrets: set SHOP_SECRETS_KEY to the key that "
        "encrypted them, or copy secrets.key from the first machine into HOOKSHOP_VAR"
    )


def _delivery_settings(settings: Settings) -> DeliverySettings:
    return DeliverySettings(
        schedule=settings.retry_schedule,
        request_timeout=timedelta(seconds=settings.request_timeout_seconds),
        issuer=settings.base_url,
        now=lambda: datetime.now(UTC),
        random=random.random,
        disable_after=settings.disable_after_failures,
    )


def _housekeeping(
    database: Database, feed: ChangeFeed, settings: Settings
) -> list[Coroutine[Any, Any, None]]:
    async def correct() -> None:
        await correct_future_times(database, now=datetime.now(UTC))

    async def clean_up() -> None:
        """Delete expired secrets and merge the counters."""
        async with database.writing() as session:
            await delete_expired(session, now=datetime.now(UTC))
            await merge_tallies(session)

    async def finish() -> None:
        if await finish_deletions(database, clock=utc_now):
            await feed.announce(Change.everything())

    async def drop_sandboxes() -> None:
        for number in await clean_up_sandboxes(database, now=utc_now()):
            await feed.announce(Change("everything", sandbox=number))

    async def prune_old() -> None:
        if days := settings.retention_days:
            before = datetime.now(UTC) - timedelta(days=days)
            if count := await prune(database, before=before):
                logger.info("Pruned %d deliveries that succeeded before %s", count, before)
                await feed.announce(Change.everything())

    return [
        _repeat("Correcting future times", correct, every=CORRECTION_INTERVAL_SECONDS),
        _repeat("Cleaning up", clean_up, every=CLEANUP_INTERVAL_SECONDS),
        _repeat("Finishing deletions of endpoints", finish, every=CLEANUP_INTERVAL_SECONDS),
        _repeat("Dropping sandboxes", drop_sandboxes, every=SANDBOX_INTERVAL_SECONDS),
        _repeat("Pruning deliveries", prune_old, every=CLEANUP_INTERVAL_SECONDS),
    ]


async def _repeat(name: str, work: Callable[[], Awaitable[None]], *, every: float) -> None:
    """Call ``work`` every ``every`` seconds, for as long as the worker runs.

    Log a failure and go on: a dead loop would go unnoticed.
    """
    while True:
        try:
            await work()
        except SQLAlchemyError as error:
            logger.warning("%s failed, retrying in %d s: %s", name, every, error)
        except Exception:
            logger.exception("%s failed, retrying in %d s", name, every)
        await asyncio.sleep(every)


if __name__ == "__main__":
    main()
