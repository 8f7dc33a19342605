"""Seeds the shop's database: endpoints with the shop's own code, everything else in bulk."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks.seed.bulk_load import AlreadySeeded, bulk_loading, with_progress, write
from benchmarks.seed.shop_rows import History, Target
from hookshop.webkit.encryption import Encryption
from shop.config import Settings
from shop.database.transactions import Database
from shop.vocabulary import EndpointStatus, EventType
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint
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
MAX_RETRY_TIME = timedelta(minutes=1)  # so that no attempt is in the future
PORT = 9000  # on this machine, so that a retry never reaches another one


async def seed_shop(
    settings: Settings, deliveries: int, *, span: timedelta, force: bool, seed: int = 1
) -> None:
    """Fill the shop's database. Raise ``AlreadySeeded`` or ``DatabaseInUse``."""
    now = datetime.now(UTC) - MAX_RETRY_TIME
    database = Database(settings.resolved_database_url)
    try:
        await database.create_tables()
        await _require_empty(database, force=force)
        targets = [await register(database, settings, *each, now=now - span) for each in ENDPOINTS]
    finally:
        await database.close()
    history = History(targets, settings.base_url, now, span, random.Random(seed))
    with bulk_loading(database_path(settings)) as connection:
        write(connection, with_progress(history.rows(deliveries), "delivery", deliveries))


def database_path(settings: Settings) -> Path:
    """Return the file of the shop's database."""
    return Path(str(make_url(settings.resolved_database_url).database))


async def _require_empty(database: Database, *, force: bool) -> None:
    async with database.reading() as session:
        orders = (await read_stats(session)).orders
    if orders and not force:
        raise AlreadySeeded(f"the shop has {orders:,} orders already")


async def register(  # noqa: PLR0913, PLR0917 – a row of ENDPOINTS, and the database
    database: Database,
    settings: Settings,
    path: str,
    event_types: tuple[EventType, ...],
    latency_ms: float,
    is_paused: bool,
    *,
    now: datetime,
) -> Target:
    """Register the endpoint; replace an existing one, whose secret is no longer available."""
    url = f"http://127.0.0.1:{PORT}/{path}"
    encryption = Encryption.open(settings.secrets_key_file)
    wanted = NewEndpoint(url, event_types, "seeded")
    async with database.reading() as session:
        endpoints = await registry.list_all(session)
    for endpoint in endpoints:
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
