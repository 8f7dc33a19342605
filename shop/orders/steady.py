"""Steady orders: one order a second until they are switched off, at most for ten minutes.

The switch is a row in the database, one for each sandbox. So every web process knows it, and it
outlives them. For each order, exactly one process wins the conditional UPDATE.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import advisory_lock
from shop.database.models import SteadyOrders

INTERVAL = timedelta(seconds=1)
MAX_DURATION = timedelta(minutes=10)


class Switch(NamedTuple):
    """A switch that is on. The fields are columns of ``models.SteadyOrders``."""

    sandbox: int
    next_at: datetime
    ends_at: datetime


def find_all(connection: Connection, *, now: datetime) -> Sequence[Switch]:
    """Return the switches of all sandboxes that are on, at most one for each."""
    return [Switch(*row) for row in connection.execute(_ALL_ON, {"now": now})]


async def start(session: AsyncSession, *, now: datetime) -> None:
    """Switch them on, for ``MAX_DURATION`` from now."""
    await advisory_lock(session, "steady orders")
    await stop(session)
    session.add(SteadyOrders(next_at=now, ends_at=now + MAX_DURATION))


async def stop(session: AsyncSession) -> None:
    """Switch them off."""
    await session.exec(delete(SteadyOrders))


async def claim_next(session: AsyncSession, seen: Switch, *, now: datetime) -> bool:
    """Return whether this transaction may place the next order. No other one can then.

    ``seen``: the switch as it was read before.
    """
    if not seen.next_at <= now < seen.ends_at:
        return False
    # After a pause, such as a restart, do not place the orders that were missed.
    next_at = max(seen.next_at + INTERVAL, now)
    is_unchanged = (
        col(SteadyOrders.next_at) == seen.next_at,
        col(SteadyOrders.ends_at) == seen.ends_at,
    )
    claimed = await session.exec(update(SteadyOrders).where(*is_unchanged).values(next_at=next_at))
    return bool(claimed.rowcount)


# Built once, and not read with a session: each web process asks every second.
_ALL_ON = select(
    col(SteadyOrders.sandbox), col(SteadyOrders.next_at), col(SteadyOrders.ends_at)
).where(col(SteadyOrders.ends_at) > bindparam("now"))
