"""Removes the counters of a sandbox, and keeps what metrics count.

Metrics need counters that only increase. So orders, refunds and attempts that a sandbox has counted
are added to rows of the number ``RETIRED_NUMBER``, which no sandbox has. ``GET /metrics`` sums the
rows of all numbers.

Rows that another transaction has locked are skipped: it may wait for this one. The caller repeats
until nothing is left.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text, tuple_
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_sandbox import RETIRED_NUMBER
from shop.database.counters import (
    ALL_TIME,
    AttemptTally,
    AttemptTotal,
    DeliveryTally,
    OrderTally,
    RefundTally,
    StateTally,
)
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.webhooks.batches import MAX_BATCH_ROWS


async def remove_counts(database: Database) -> None:
    """Remove the counters of the bound sandbox, in small transactions.

    Counts of current deliveries are removed with their endpoints; those of other endpoints have
    been counted down to 0 when the deliveries were deleted.
    """
    of_all_time = col(OrderTally.minute) == ALL_TIME, col(RefundTally.minute) == ALL_TIME
    await _remove(database, OrderTally, of_all_time[0], retired_key=("minute",))
    await _remove(database, RefundTally, of_all_time[1], retired_key=("minute",))
    await _remove(database, OrderTally, ~of_all_time[0])
    await _remove(database, RefundTally, ~of_all_time[1])
    await _remove(database, AttemptTotal, retired_key=("outcome", "up_to_ms"))
    await _remove(database, AttemptTally)
    endpoints = select(Endpoint.id)
    await _remove(database, StateTally, col(StateTally.endpoint_id).not_in(endpoints))
    await _remove(database, DeliveryTally, col(DeliveryTally.endpoint_id).not_in(endpoints))


async def _remove(
    database: Database, table: Any, *where: Any, retired_key: tuple[str, ...] = ()
) -> None:
    """Remove these rows. ``retired_key``: also add them to the row of ``RETIRED_NUMBER``."""
    key = list(table.__table__.primary_key)
    query = select(table).where(*where).limit(MAX_BATCH_ROWS).with_for_update(skip_locked=True)
    while True:
        async with database.writing() as session:
            rows = (await session.exec(query)).all()
            if not rows:
                return
            if retired_key:
                await _retire(session, table, retired_key, rows)
            keys = [tuple(getattr(row, each.name) for each in key) for row in rows]
            remove = delete(table).where(tuple_(*key).in_(keys))
            await session.exec(remove.execution_options(synchronize_session=False))


async def _retire(
    session: AsyncSession, table: Any, key: tuple[str, ...], rows: Sequence[Any]
) -> None:
    """Add the sums of these rows to those of ``RETIRED_NUMBER``. ``key``: what to group by."""
    measure = "total_ms" if table is AttemptTotal else "total_cents"
    sums: dict[tuple[Any, ...], tuple[int, int]] = {}
    for row in rows:
        of_row = tuple(getattr(row, name) for name in key)
        amount, total = sums.get(of_row, (0, 0))
        sums[of_row] = amount + row.amount, total + getattr(row, measure)
    constants: dict[str, Any] = {"sandbox": RETIRED_NUMBER, "writer": 0}
    if table is AttemptTotal:
        constants["endpoint_id"] = ""
    values = [
        constants | dict(zip(key, each, strict=True)) | {"amount": amount, measure: total}
        # Sorted, because another worker may retire another sandbox at the same time.
        for each, (amount, total) in sorted(sums.items())
    ]
    upsert = _upsert(table.__tablename__, (*constants, *key), ("amount", measure))
    # By the connection: the session would give the rows the number of its own sandbox.
    await (await session.connection()).execute(text(upsert), values)


def _upsert(table: str, key: Sequence[str], sums: Sequence[str]) -> str:
    """Return SQL that adds ``sums`` to a row, or inserts it."""
    columns = *key, *sums
    changes = (f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    return f"""
        INSERT INTO {table} ({", ".join(columns)})
        VALUES ({", ".join(f":{name}" for name in columns)})
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(changes)}
    """  # noqa: S608 – names of tables and columns
