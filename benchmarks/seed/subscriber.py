"""Seeds the subscriber's inbox."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks.seed.bulk_load import AlreadySeeded, bulk_loading, with_progress, write
from benchmarks.seed.subscriber_rows import InboxHistory
from hookshop.webkit.encryption import Encryption
from shop.webhooks.rules.signing import LiveSecret, generate_secret
from subscriber_app.config import Settings
from subscriber_app.database.models import FormerSecret
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.receipts import read_stats


async def seed_subscriber(
    settings: Settings, receipts: int, *, span: timedelta, force: bool, seed: int = 1
) -> None:
    """Fill the subscriber's database. Raise ``AlreadySeeded`` or ``DatabaseInUse``."""
    now, secret = datetime.now(UTC), generate_secret()
    encryption = Encryption.open(settings.secrets_key_file, settings.secrets_key)
    database = Database(settings.resolved_database_url, encryption)
    try:
        await database.create_tables()
        await _require_empty(database, force=force)
        encrypted = encryption.encrypt(secret)
        await _add_former_secret(database, encrypted, since=now - span, until=now)
    finally:
        await database.close()
    history = InboxHistory(
        settings.webhook_url,
        settings.shop_url,
        LiveSecret("sec_seeded", secret),
        now,
        span,
        random.Random(seed),
    )
    path = Path(str(make_url(settings.resolved_database_url).database))
    with bulk_loading(path) as connection:
        write(connection, with_progress(history.rows(receipts), "receipt", receipts))


async def _require_empty(database: Database, *, force: bool) -> None:
    async with database.reading() as session:
        receipts = sum((await read_stats(session)).receipts.values())
    if receipts and not force:
        raise AlreadySeeded(f"the subscriber has {receipts:,} receipts already")


async def _add_former_secret(
    database: Database, encrypted: str, *, since: datetime, until: datetime
) -> None:
    """Store the secret as an expired one: it accepts nothing, but receipt pages can use it."""
    former = FormerSecret(encrypted_secret=encrypted, since=since, replaced_at=until, until=until)
    async with database.writing() as session:
        session.add(former)
