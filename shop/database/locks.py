"""Locks for concurrent writers, which exist only on PostgreSQL.

SQLite allows one writer at a time, so these functions do nothing there.

Lock order for concurrent writers, to prevent deadlocks: endpoints by id, then deliveries.
"""

from collections.abc import Collection
from typing import Any

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_sandbox import bound_number
from shop.database.models import Delivery, Endpoint

# Values for SQLAlchemy's ``with_for_update``. FOR NO KEY UPDATE: nobody else can change the row.
# FOR UPDATE: in addition, no new row can refer to it by a foreign key.
Lock = dict[str, Any] | bool
FOR_NO_KEY_UPDATE: Lock = {"key_share": True}
FOR_UPDATE: Lock = True

_LOCK_PREFIX = "hookshop"


async def has_concurrent_writers(session: AsyncSession) -> bool:
    """Return whether other transactions can write at the same time as this one."""
    connection = await session.connection()
    return connection.dialect.name != "sqlite"


async def advisory_lock(session: AsyncSession, name: str) -> None:
    """Take a transaction-scoped advisory lock in this sandbox, for things without a row yet.

    ``name``: any text, such as ``"url http://…"``.
    """
    if await has_concurrent_writers(session):
        number = func.hashtextextended(f"{_LOCK_PREFIX} {bound_number()} {name}", 0)
        await session.exec(select(func.pg_advisory_xact_lock(number)))


async def lock_endpoints(
    session: AsyncSession,
    *,
    ids: Collection[str] = (),
    of_deliveries: Collection[str] = (),
) -> None:
    """Lock endpoints until this transaction ends: no other one can change them or claim for them.

    ``of_deliveries``: ids of deliveries whose endpoints to lock. Placing an order does not wait for
    the lock, because it only refers to endpoints.
    """
    if not (ids or of_deliveries) or not await has_concurrent_writers(session):
        return
    theirs = select(Delivery.endpoint_id).where(col(Delivery.id).in_(of_deliveries))
    wanted = or_(col(Endpoint.id).in_(ids), col(Endpoint.id).in_(theirs))
    await session.exec(
        select(Endpoint.id).where(wanted).order_by(col(Endpoint.id)).with_for_update(key_share=True)
    )
