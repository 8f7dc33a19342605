"""The worker process: ``python -m shop.worker``. It delivers until SIGTERM or SIGINT.

Wake-ups from Redis set a flag in the dispatcher, which looks into the database. Beside it, a few
jobs keep house.
"""

import asyncio
import logging
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.logs import configure_logging
from hookshop.webkit.settings import ConfigurationError
from hookshop.webkit.starting import exit_on_setup_error, map_setup_errors
from hookshop.webkit.tasks import end_tasks
from hookshop.webkit.times import utc_now
from shop.config import Settings, load_settings
from shop.database.counters import merge_tallies
from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed
from shop.redis.heartbeats import Heartbeats, WorkerStatus
from shop.redis.wake_ups import WakeUps, listen
from shop.vocabulary import LOG_FIELDS
from shop.webhooks.endpoints.deletion import finish_deletions
from shop.webhooks.endpoints.encryption import Encryption
from shop.webhooks.endpoints.secrets import forget_expired, is_wrong_key
from shop.webhooks.engine.claiming import mend_misdated
from shop.webhooks.engine.dispatcher import MAX_IN_FLIGHT, Dispatcher
from shop.webhooks.engine.http_client import HttpClient
from shop.webhooks.engine.retention import prune
from shop.webhooks.engine.settings import DeliverySettings

MEND_INTERVAL_SECONDS = 5
TIDY_INTERVAL_SECONDS = 60
STOP_MARGIN = timedelta(seconds=10)  # to record what ends last

logger = logging.getLogger(__name__)


def main() -> None:
    """Run until a signal comes; deliveries in flight are finished first."""
    with exit_on_setup_error("shop.worker", advice="start me again"):
        settings = load_settings()
        configure_logging(settings.log_format, LOG_FIELDS)
        asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Deliver until a signal comes.

    Raises ``OperationalError`` when the database cannot be reached at the start, ``WrongSchema``
    when it is not one for this version, and ``ConfigurationError`` when the key is another one.
    """
    stop = _stop_signal()
    with map_setup_errors(settings):
        database = await _open_database(settings)
        encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    await _insist_on_the_key(database, encryption)
    wake_ups = WakeUps(settings.resolved_redis_url)
    feed = ChangeFeed(settings.resolved_redis_url)
    heartbeats = Heartbeats(settings.resolved_redis_url)
    client = HttpClient(settings.url_policy, timeout_seconds=settings.request_timeout_seconds)
    delivery = _delivery_settings(settings)
    dispatcher = Dispatcher(database, client, feed, wake_ups, encryption, delivery)
    sign = WorkerStatus.of_this_process(most_in_flight=MAX_IN_FLIGHT, now=datetime.now(UTC))
    dispatching = asyncio.create_task(dispatcher.run())
    beating = asyncio.create_task(heartbeats.run(sign, lambda: dispatcher.in_flight))
    listening = asyncio.create_task(listen(settings.resolved_redis_url, dispatcher.wake))
    keeping_house = [asyncio.create_task(each) for each in _housekeeping(database, feed, settings)]
    try:
        logger.info("The worker looks for deliveries")
        await stop.wait()
    finally:
        await end_tasks(listening, *keeping_house)
        dispatcher.stop()
        await asyncio.wait(
            [dispatching], timeout=(delivery.request_timeout + STOP_MARGIN).total_seconds()
        )
        await end_tasks(dispatching, beating)
        logger.info("The worker has finished what it had begun")
        for part in (client, wake_ups, feed, heartbeats, database):
            await part.close()


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


async def _insist_on_the_key(database: Database, encryption: Encryption) -> None:
    """With another machine's key each delivery would use up its schedule, and none would go out."""
    async with database.reading() as session:
        if not await is_wrong_key(session, encryption):
            return
    await database.close()
    raise ConfigurationError(
        "the key at hand is not the one that locked the endpoints' secrets: set "
        "SHOP_SECRETS_KEY, or copy secrets.key from the first machine into HOOKSHOP_VAR"
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
    async def mend() -> None:
        await mend_misdated(database, now=datetime.now(UTC))

    async def tidy() -> None:
        """Delete the secrets that have outlived their grace, and keep the counters short."""
        async with database.writing() as session:
            await forget_expired(session, now=datetime.now(UTC))
            await merge_tallies(session)

    async def finish() -> None:
        if await finish_deletions(database, clock=utc_now):
            await feed.announce(Change.everything())

    async def retain() -> None:
        if days := settings.retention_days:
            before = datetime.now(UTC) - timedelta(days=days)
            if count := await prune(database, before=before):
                logger.info("Pruned %d deliveries that succeeded before %s", count, before)
                await feed.announce(Change.everything())

    return [
        _repeat("Mending times", mend, every=MEND_INTERVAL_SECONDS),
        _repeat("Tidying", tidy, every=TIDY_INTERVAL_SECONDS),
        _repeat("Finishing deletions", finish, every=TIDY_INTERVAL_SECONDS),
        _repeat("Pruning", retain, every=TIDY_INTERVAL_SECONDS),
    ]


async def _repeat(name: str, work: Callable[[], Awaitable[None]], *, every: float) -> None:
    """Do some work now and then. Log a failed round and go on; a dead loop would go unnoticed."""
    while True:
        try:
            await work()
        except SQLAlchemyError as error:
            logger.warning("%s: %s", name, error)
        except Exception:
            logger.exception("%s: going on in spite of this", name)
        await asyncio.sleep(every)


if __name__ == "__main__":
    main()
