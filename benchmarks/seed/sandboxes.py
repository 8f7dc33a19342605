"""Seeds sandboxes beside ``main``. One of them is full of hanging receivers.

There, a tenth of all deliveries is due or in flight, and no endpoint responds. The others have a
history like that of ``main``.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from benchmarks.seed.bulk_load import Row, bulk_loading, with_progress, write
from benchmarks.seed.shop import ENDPOINTS, database_path, register
from benchmarks.seed.shop_rows import PAUSED_FOR, History, Target
from benchmarks.seed.times import sqlite_time
from hookshop.webkit.sandbox_rules import MAX_LIFETIME_SECONDS
from shop.config import Settings
from shop.database.bound_sandbox import bound_to
from shop.database.transactions import Database
from shop.sandboxes import registry
from shop.vocabulary import DeliveryState

HANGING_SHARE = 10  # one of so many deliveries is in the sandbox of the hanging receivers
MAX_IN_FLIGHT = 25  # deliveries of a hanging endpoint that a worker has claimed
LEASE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SeededSandbox:
    """A sandbox and its endpoints. ``number``: the key of its rows."""

    number: int
    targets: Sequence[Target]


async def seed_sandboxes(
    settings: Settings, sandboxes: int, deliveries: int, *, span: timedelta, seed: int = 2
) -> None:
    """Add ``sandboxes``, which have ``deliveries`` together. Raise ``DatabaseInUse``."""
    now = datetime.now(UTC)
    database = Database(settings.resolved_database_url)
    try:
        await database.create_tables()
        hanging, *others = [
            await _make(database, settings, f"class-{number}", now=now, span=span)
            for number in range(sandboxes)
        ]
    finally:
        await database.close()
    waiting = deliveries // HANGING_SHARE
    each = (deliveries - waiting) // max(len(others), 1)
    past = History((), settings.base_url, now, span, random.Random(seed))
    with bulk_loading(database_path(settings)) as connection:
        rows = _all_rows(past, hanging, waiting, others, each)
        write(connection, with_progress(rows, "delivery", waiting + each * len(others)))


async def _make(
    database: Database, settings: Settings, sandbox_id: str, *, now: datetime, span: timedelta
) -> SeededSandbox:
    async with database.writing() as session:
        sandbox = await registry.create(
            session,
            sandbox_id=sandbox_id,
            token_hash=None,
            expires_at=now + timedelta(seconds=MAX_LIFETIME_SECONDS),
            settings={},
            limit=settings.max_sandboxes,
            now=now,
        )
    assert sandbox.number is not None
    with bound_to(sandbox.number):
        targets = [
            await register(
                database, settings, path, event_types, latency_ms, is_paused=False, now=now - span
            )
            for path, event_types, latency_ms, _is_paused in ENDPOINTS
        ]
    return SeededSandbox(sandbox.number, targets)


def _all_rows(
    past: History, hanging: SeededSandbox, waiting: int, others: Sequence[SeededSandbox], each: int
) -> Iterator[Row]:
    """Yield the rows of all sandboxes: ``waiting`` deliveries that hang, and ``each`` of others."""
    yield from _in_sandbox(hanging.number, _hanging_rows(past, hanging.targets, waiting))
    for one in others:
        yield from _in_sandbox(one.number, replace(past, targets=one.targets).rows(each))


def _hanging_rows(past: History, targets: Sequence[Target], deliveries: int) -> Iterator[Row]:
    """Yield deliveries that are due; as many of each endpoint as it may have are in flight."""
    # What is recent waits on a paused endpoint. These ones are active, so it is due.
    waiting = [replace(target, is_paused=True) for target in targets]
    in_flight: Counter[str] = Counter()
    for table, values in replace(past, targets=waiting, span=PAUSED_FOR).rows(deliveries):
        row = dict(values)
        if table == "delivery" and in_flight[row["endpoint_id"]] < MAX_IN_FLIGHT:
            in_flight[row["endpoint_id"]] += 1
            row |= {"state": DeliveryState.SENDING.value, "next_attempt_at": None, "fence": 1}
            row["lease_expires_at"] = sqlite_time(past.now + LEASE)
        yield table, row


def _in_sandbox(number: int, rows: Iterator[Row]) -> Iterator[Row]:
    for table, values in rows:
        # All rows of a table need the same columns.
        lease = {"lease_expires_at": None} if table == "delivery" else {}
        yield table, {**lease, **values, "sandbox": number}
