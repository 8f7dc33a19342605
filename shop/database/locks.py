"""Who waits for whom where several transactions write at once, as they do on PostgreSQL.

On SQLite one transaction writes at a time and nobody else can change what it has read, so nothing
here does anything there. Everywhere rows are locked in one order, so that no two transactions wait
for each other: endpoints first, by their ids, then deliveries.
"""

from collections.abc import Collection
from typing import Any

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery, Endpoint

# Ways to lock a row, as SQLAlchemy's ``with_for_update`` takes them: nobody else changes it; or,
# stronger, no new row may point at it either.
Lock = dict[str, Any] | bool
FOR_NO_KEY_UPDATE: Lock = {"key_share": True}
FOR_UPDATE: Lock = True

_EVERYBODY = "hookshop"


async def has_many_writers(session: AsyncSession) -> bool:
    """Whether others may write while this transaction does."""
    connection = await session.connection()
    return connection.dialect.name != "sqlite"


async def advisory_lock(session: AsyncSession, what: str) -> None:
    """Until this transaction ends, let no other one in that says the same.

    For what no row stands for yet. ``what``: any text, such as ``"url http://…"``.
    """
    if await has_many_writers(session):
        number = func.hashtextextended(f"{_EVERYBODY} {what}", 0)
        await session.exec(select(func.pg_advisory_xact_lock(number)))


async def lock_endpoints(
    session: AsyncSession,
    *,
    ids: Collection[str] = (),
    of_deliveries: Collection[str] = (),
) -> None:
    """Until this transaction ends, nobody else changes these endpoints or claims for them.

    ``of_deliveries``: ids of deliveries that go there. Orders need not wait: they only point at
    endpoints.
    """
    if not (ids or of_deliveries) or not await has_many_writers(session):
        return
    theirs = select(Delivery.endpoint_id).where(col(Delivery.id).in_(of_deliveries))
    wanted = or_(col(Endpoint.id).in_(ids), col(Endpoint.id).in_(theirs))
    await session.exec(
        select(Endpoint.id).where(wanted).order_by(col(Endpoint.id)).with_for_update(key_share=True)
    )
