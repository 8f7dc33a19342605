"""Sums of orders and refunds since a time, exact to the second, at constant cost.

Whole minutes come from ``counters``. Only the orders and refunds of an incomplete first minute are
summed up from their rows, through an index.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.times import round_up_to_second
from shop.database.bound_session import in_bound_sandbox
from shop.database.counters import ALL_TIME, OrderTally, RefundTally, total
from shop.database.models import Order
from shop.webhooks.rules.time_buckets import minute_of, moment_of

# All orders are between these. Their minutes are not negative, so they differ from ALL_TIME, and
# fit into the column's 32 bits.
_MIN_SINCE, _MAX_SINCE = datetime(1970, 1, 1, tzinfo=UTC), datetime(6000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sales:
    """Money in integer cents. ``refunded_cents`` is positive."""

    orders: int
    gross_cents: int
    refunded_cents: int

    @property
    def revenue_cents(self) -> int:
        """Net: gross minus refunds."""
        return self.gross_cents - self.refunded_cents


async def read_sales(session: AsyncSession, *, since: datetime | None = None) -> Sales:
    """Return the sums of all orders and refunds, or of those since ``since``.

    ``since`` is compared with the ``date`` of their events, which has whole seconds, so it is
    rounded up to the next second. A refund counts at its own time, not at its order's.
    """
    if since is None:
        orders, gross_cents = await _all_time(session, OrderTally)
        _refunds, refunded_cents = await _all_time(session, RefundTally)
    else:
        since = counted_from(since)
        orders, gross_cents = await _since(session, since, OrderTally, Order.created_at)
        _refunds, refunded_cents = await _since(session, since, RefundTally, Order.refunded_at)
    return Sales(orders, gross_cents, refunded_cents)


def counted_from(since: datetime) -> datetime:
    """Return the whole second from which ``read_sales`` counts."""
    return round_up_to_second(min(max(since, _MIN_SINCE), _MAX_SINCE))


async def _all_time(
    session: AsyncSession, tally: type[OrderTally | RefundTally]
) -> tuple[int, int]:
    query = select(total(tally.amount), total(tally.total_cents)).where(tally.minute == ALL_TIME)
    return _zeros_for_none((await session.exec(query)).one())


async def _since(
    session: AsyncSession, since: datetime, tally: type[OrderTally | RefundTally], happened_at: Any
) -> tuple[int, int]:
    """Return the number of orders or refunds, and their sum in cents."""
    first_whole_minute = math.ceil(since.timestamp() / 60)
    minutes = select(total(tally.amount), total(tally.total_cents)).where(
        tally.minute >= first_whole_minute
    )
    count, cents = _zeros_for_none((await session.exec(minutes)).one())
    if minute_of(since) == first_whole_minute:
        return count, cents
    rows = select(func.count(), total(Order.total_cents)).where(
        in_bound_sandbox(Order.sandbox),
        col(happened_at) >= since,
        col(happened_at) < moment_of(first_whole_minute),
    )
    more, more_cents = _zeros_for_none((await session.exec(rows)).one())
    return count + more, cents + more_cents


def _zeros_for_none(row: tuple[int | None, int | None]) -> tuple[int, int]:
    return row[0] or 0, row[1] or 0
