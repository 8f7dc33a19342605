"""Counter tables, so that statistics cost the same no matter how many rows there are.

Triggers of the database update them in the transaction that writes a row, so no code path can
forget it. The triggers are in ``migrations``. ``webhooks.queries`` reads and sums the counters.

``minute``: minutes since 1970 (see ``rules.time_buckets``). ``amount``: number of rows; the amount
of a single ``writer`` may be negative. ``writer``: on PostgreSQL the process id of the connection,
so that transactions never wait for each other's counters and never deadlock on them. On SQLite,
which has one writer at a time, it is 0.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Index, cast, text
from sqlmodel import Field, col, delete, func
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import has_concurrent_writers
from shop.database.models import Id, SandboxTable, by_value, sandbox_column
from shop.vocabulary import DeliveryState

SUCCEEDED = ""  # the reason of attempts that did not fail

# SQLite then stores the rows in the order of the primary key, without a separate index.
_BY_KEY_ALONE = {"sqlite_with_rowid": False}


class OrderTally(SandboxTable, table=True):
    """Orders of one minute. The row of minute ``ALL_TIME`` counts all orders."""

    __tablename__ = "order_tally"
    __table_args__ = _BY_KEY_ALONE
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    minute: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_cents: int = Field(sa_type=BigInteger)


ALL_TIME = -1


class RefundTally(SandboxTable, table=True):
    """Refunds of one minute. The row of minute ``ALL_TIME`` counts all. Cents are positive."""

    __tablename__ = "refund_tally"
    __table_args__ = _BY_KEY_ALONE
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    minute: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_cents: int = Field(sa_type=BigInteger)


class StateTally(SandboxTable, table=True):
    """Deliveries of one endpoint that are currently in a state."""

    __tablename__ = "state_tally"
    __table_args__ = _BY_KEY_ALONE
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)


class DeliveryTally(SandboxTable, table=True):
    """Deliveries of one endpoint that were created in a minute and are currently in a state."""

    __tablename__ = "delivery_tally"
    __table_args__ = _BY_KEY_ALONE
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    minute: int = Field(primary_key=True)
    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    state: DeliveryState = Field(primary_key=True, sa_type=by_value(DeliveryState))
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)


class AttemptTally(SandboxTable, table=True):
    """Attempts of one endpoint that started in a minute and had the same result.

    ``reason``: a status such as ``500``, the name of an error, or ``SUCCEEDED``. ``total_ms``: sum
    of their durations. ``last_at``: start of the last attempt.
    """

    __tablename__ = "attempt_tally"
    __table_args__ = (Index("attempts_by_minute", "sandbox", "minute"), _BY_KEY_ALONE)
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    minute: int = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_ms: int = Field(sa_type=BigInteger)
    last_at: datetime


class AttemptSummary(NamedTuple):
    """The sum of several rows of ``AttemptTally``. A tuple, because rows are slow to create.

    ``minute``: the first minute of the sum.
    """

    endpoint_id: str
    minute: int
    reason: str
    amount: int
    total_ms: int
    last_at: datetime


# Upper bounds of the histogram of durations. NO_BOUND_MS is the bucket for longer ones.
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
NO_BOUND_MS = 1_000_000_000


class AttemptTotal(SandboxTable, table=True):
    """All attempts of one endpoint with the same outcome and a similar duration.

    Pruning attempts does not decrease it, because metrics need counters that only increase.
    ``outcome``: ``succeeded``, the class of a status such as ``5xx``, or the name of an error.
    ``up_to_ms``: one of ``BUCKETS_MS`` or ``NO_BOUND_MS``; an attempt is in one bucket only.
    """

    __tablename__ = "attempt_total"
    __table_args__ = _BY_KEY_ALONE
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    endpoint_id: str = Field(primary_key=True, sa_type=Id)
    outcome: str = Field(primary_key=True)
    up_to_ms: int = Field(primary_key=True)
    writer: int = Field(primary_key=True, default=0)
    amount: int = Field(sa_type=BigInteger)
    total_ms: int = Field(sa_type=BigInteger)


def total(column: Any) -> ColumnElement[int]:
    """Return the sum of a column as SQL. The cast keeps PostgreSQL from returning a decimal."""
    return cast(func.sum(column), BigInteger)


async def merge_tallies(session: AsyncSession) -> None:
    """Merge the rows of all writers into the rows of writer 0.

    Skip rows that another transaction has locked; the next merge gets them. So this never waits for
    a transaction that counts, although such a transaction may wait for this.
    """
    if not await has_concurrent_writers(session):
        return
    for table, key, sums, newest in _MERGED:
        await session.exec(text(_merge(table, key, sums, newest)))  # type: ignore[call-overload]
    # Delete the counters of minutes whose deliveries were all pruned. On SQLite the triggers do it.
    # Only this function changes rows of writer 0.
    nothing = (col(DeliveryTally.writer) == 0, col(DeliveryTally.amount) == 0)
    await session.exec(delete(DeliveryTally).where(*nothing))


# Table, key without the writer, columns to sum, columns of which to keep the maximum.
_MERGED = (
    ("order_tally", "sandbox, minute", ("amount", "total_cents"), ()),
    ("refund_tally", "sandbox, minute", ("amount", "total_cents"), ()),
    ("state_tally", "sandbox, endpoint_id, state", ("amount",), ()),
    ("delivery_tally", "sandbox, minute, endpoint_id, state", ("amount",), ()),
    ("attempt_tally", "sandbox, endpoint_id, minute, reason", ("amount", "total_ms"), ("last_at",)),
    ("attempt_total", "sandbox, endpoint_id, outcome, up_to_ms", ("amount", "total_ms"), ()),
)
MAX_MERGED_ROWS = 10_000


def _merge(table: str, key: str, sums: tuple[str, ...], newest: tuple[str, ...]) -> str:
    values = [f"sum({name})" for name in sums] + [f"max({name})" for name in newest]
    changes = [f"{name} = {table}.{name} + excluded.{name}" for name in sums]
    changes += [f"{name} = greatest({table}.{name}, excluded.{name})" for name in newest]
    return f"""
        WITH counted AS (
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE writer <> 0
                LIMIT {MAX_MERGED_ROWS} FOR UPDATE SKIP LOCKED
            )) RETURNING *
        )
        INSERT INTO {table} ({key}, writer, {", ".join((*sums, *newest))})
        SELECT {key}, 0, {", ".join(values)} FROM counted GROUP BY {key}
        ON CONFLICT ({key}, writer) DO UPDATE SET {", ".join(changes)}
    """  # noqa: S608 – names from above
