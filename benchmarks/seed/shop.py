"""Seeds the shop's database: endpoints by the shop's own code, all else in bulk."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks.seed.filling import AlreadyFilled, bulk_loading, shown, write
from benchmarks.seed.shop_rows import History, Target
from shop.config import Settings
from shop.database.transactions import Database
from shop.vocabulary import EndpointStatus, EventType
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint
from shop.webhooks.endpoints.encryption import Encryption
from shop.webhooks.endpoints.registry import SUBSCRIBABLE_EVENT_TYPES, EndpointChange, NewEndpoint
from shop.webhooks.queries.deliveries import read_stats
from shop.webhooks.rules.signing import LiveSecret

ONLY_SALES = (EventType.PURCHASE_CREATED,)
# Path, event types, mean latency in milliseconds, whether it is paused.
ENDPOINTS = (
    ("crm", ONLY_SALES, 180, False),
    ("ledger", SUBSCRIBABLE_EVENT_TYPES, 35, False),
    ("warehouse", (EventType.PURCHASE_SHIPPED,), 60, True),
)
RETRIES = timedelta(minutes=1)  # what they take at most: no attempt shall lie in the future
PORT = 9000  # of this machine: nothing that is seeded can reach a stranger


async def seed_shop(
    settings: Settings, deliveries: int, *, span: timedelta, force: bool, seed: int = 1
) -> None:
    """Fill the shop's database. Raises ``AlreadyFilled`` or ``DatabaseInUse``."""
    now = datetime.now(UTC) - RETRIES
    database = Database(settings.resolved_database_url)
    try:
        await database.create_tables()
        await _refuse_if_used(database, force=force)
        targets = [await _register(database, settings, *each, now=now - span) for each in ENDPOINTS]
    finally:
        await database.close()
    history = History(targets, settings.base_url, now, span, random.Random(seed))
    with bulk_loading(_path(settings)) as connection:
        write(connection, shown(history.rows(deliveries), "delivery", deliveries))


def _path(settings: Settings) -> Path:
    return Path(str(make_url(settings.resolved_database_url).database))


async def _refuse_if_used(database: Database, *, force: bool) -> None:
    async with database.reading() as session:
        orders = (await read_stats(session)).orders
    if orders and not force:
        raise AlreadyFilled(f"the shop has {orders:,} orders already")


async def _register(  # noqa: PLR0913, PLR0917 – an endpoint's row above, and where it goes
    database: Database,
    settings: Settings,
    path: str,
    event_types: tuple[EventType, ...],
    latency_ms: float,
    is_paused: bool,
    *,
    now: datetime,
) -> Target:
    """The endpoint, made anew if there is one already: its secret is shown only once."""
    url = f"http://127.0.0.1:{PORT}/{path}"
    encryption = Encryption.open(settings.secrets_key_file)
    wanted = NewEndpoint(url, event_types, "seeded")
    async with database.reading() as session:
        standing = await registry.list_all(session)
    for endpoint in standing:
        if endpoint.webhook_url == url:
            await delete_endpoint(database, endpoint.id, clock=lambda: now)
    async with database.writing() as session:
        registered = await registry.register(
            session, wanted, policy=settings.url_policy, encryption=encryption, now=now
        )
        endpoint_id = registered.endpoint.id
        if is_paused:
            paused = EndpointChange(status=EndpointStatus.PAUSED)
            await registry.change(session, endpoint_id, paused)
    secret = LiveSecret("sec_seeded", registered.secret)
    return Target(endpoint_id, url, secret, event_types, latency_ms, is_paused)
