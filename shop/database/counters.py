"""Figures that cost the same however much has happened: counted when a row is written.

The database keeps them itself, by triggers, in the very transaction that adds or moves a row: no
code path can forget to. The triggers stand in ``migrations``; read by ``figures``, ``metrics``,
``webhooks.health`` and ``webhooks.log``, which add up what belongs together.

A minute is a number: the minutes since 1970 (see ``windows``). ``amount``: how many rows there are;
of a single ``writer`` it may be negative. ``writer``: on PostgreSQL the process that serves the
connection, so that no transaction ever waits for a row in which another one is counting, nor two
of them for each other. On SQLite, where one writes at a time, it is 0.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Index, cast, text
from sqlmodel import Field, col, delete, func
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import has_many_writers
from shop.database.models import Id, ShopTable, by_value
from shop.vocabulary import DeliveryState

SUCCEEDED = ""  # in the place of a reason to have failed

# SQLite keeps such a table in the order of its key, and has no second copy of that.
_BY_KEY_ALONE = {"sqlite_with_rowid": False}


class OrderTally(ShopTable, table=True):
    """Orders of one minute; in the row of ``ALL_TIME``, all orders."""

    __tablename__ = "order_tally"
    __table_args__ = _BY_KEY_ALONE

    minute: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_cents: int = Field(sa_type=BigInteger)


ALL_TIME = -1


class RefundTally(ShopTable, table=True):
    """Refunds given in one minute; in the row of ``ALL_TIME``, all refunds. Cents are positive."""

    __tablename__ = "refund_tally"
    __table_args__ = _BY_KEY_ALONE

    minute: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_cents: int = Field(sa_type=BigInteger)


class StateTally(ShopTable, table=True):
    """Deliveries of one endpoint that are in a state now."""

    __tablename__ = "state_tally"
    __table_args__ = _BY_KEY_ALONE

    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)


class DeliveryTally(ShopTable, table=True):
    """Deliveries of one endpoint that were made in a minute and are in a state now."""

    __tablename__ = "delivery_tally"
    __table_args__ = _BY_KEY_ALONE

    minute: int = Field(primary_key=True)
    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)


class AttemptTally(ShopTable, table=True):
    """Attempts of one endpoint that began in a minute and ended alike.

    ``reason``: a status such as ``500``, the name of an error, or ``SUCCEEDED``. ``total_ms``: how
    long they took together. ``last_at``: when the last of them began.
    """

    __tablename__ = "attempt_tally"
    __table_args__ = (Index("attempts_by_minute", "minute"), _BY_KEY_ALONE)

    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    minute: int = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_ms: int = Field(sa_type=BigInteger)
    last_at: datetime


class TalliedAttempts(NamedTuple):
    """What several rows of ``AttemptTally`` say together; no row itself, and much quicker to make.

    ``minute``: the first of those that it stands for.
    """

    endpoint_id: str
    minute: int
    reason: str
    amount: int
    total_ms: int
    last_at: datetime


# Upper bounds of the histogram of durations; the last bucket takes whatever took longer.
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
NO_BOUND_MS = 1_000_000_000


class AttemptTotal(ShopTable, table=True):
    """All attempts of one endpoint, ever, that ended alike and took about as long.

    Never taken back, also when the attempts themselves are pruned: for counters that only rise.
    ``outcome``: ``succeeded``, the class of a status such as ``5xx``, or the name of an error.
    ``up_to_ms``: one of ``BUCKETS_MS`` or ``NO_BOUND_MS``; an attempt is in one bucket only.
    """

    __tablename__ = "attempt_total"
    __table_args__ = _BY_KEY_ALONE

    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    outcome: str = Field(primary_key=True)
    up_to_ms: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_ms: int = Field(sa_type=BigInteger)


def total(column: Any) -> ColumnElement[int]:
    """The sum of a column as SQL. A whole number: PostgreSQL would make it a decimal one."""
    return cast(func.sum(column), BigInteger)


async def merge_tallies(session: AsyncSession) -> None:
    """Put what all writers have counted into one row each; called by the worker now and then.

    Rows in use are left for the next time. So whoever counts may wait for this, but never this for
    whoever counts.
    """
    if not await has_many_writers(session):
        return
    for table, key, sums, newest in _MERGED:
        await session.exec(text(_merge(table, key, sums, newest)))  # type: ignore[call-overload]
    # Of minutes whose deliveries were pruned nothing is left to count; on SQLite the triggers see
    # to it. Only whoever merges ever touches the rows of writer 0.
    nothing = (col(DeliveryTally.writer) == 0, col(DeliveryTally.amount) == 0)
    await session.exec(delete(DeliveryTally).where(*nothing))


# Table, key without the writer, columns to add up, columns of which the greatest counts.
_MERGED = (
    ("order_tally", "minute", ("amount", "total_cents"), ()),
    ("refund_tally", "minute", ("amount", "total_cents"), ()),
    ("state_tally", "endpoint_id, state", ("amount",), ()),
    ("delivery_tally", "minute, endpoint_id, state", ("amount",), ()),
    ("attempt_tally", "endpoint_id, minute, reason", ("amount", "total_ms"), ("last_at",)),
    ("attempt_total", "endpoint_id, outcome, up_to_ms", ("amount", "total_ms"), ()),
)
_MOST_AT_ONCE = 10_000


def _merge(table: str, key: str, sums: tuple[str, ...], newest: tuple[str, ...]) -> str:
    values = [f"sum({name})" for name in sums] + [f"max({name})" for name in newest]
    changes = [f"{name} = {table}.{name} + excluded.{name}" for name in sums]
    changes += [f"{name} = greatest({table}.{name}, excluded.{name})" for name in newest]
    return f"""
        WITH counted AS (
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE writer <> 0
                LIMIT {_MOST_AT_ONCE} FOR UPDATE SKIP LOCKED
            )) RETURNING *
        )
        INSERT INTO {table} ({key}, writer, {", ".join((*sums, *newest))})
        SELECT {key}, 0, {", ".join(values)} FROM counted GROUP BY {key}
        ON CONFLICT ({key}, writer) DO UPDATE SET {", ".join(changes)}
    """  # noqa: S608 – names from above
