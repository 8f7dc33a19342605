"""Deletes endpoints: marks one as deleted, then cancels what waits for it, in small transactions.

Nothing is sent to it from the mark on. When the rest breaks off, a worker finishes it.
"""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import col, select

from shop.database.locks import lock_endpoints
from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState
from shop.webhooks import states
from shop.webhooks.endpoints import registry
from shop.webhooks.steps import id_steps


async def delete_endpoint(
    database: Database, endpoint_id: str, *, clock: Callable[[], datetime]
) -> bool:
    """Delete an endpoint and cancel what waits for it; its history stays.

    Return whether there was such an endpoint.
    """
    async with database.writing() as session:
        if not await registry.mark_deleted(session, endpoint_id, now=clock()):
            return False
    await _cancel_waiting(database, endpoint_id, clock)
    return True


async def finish_deletions(database: Database, *, clock: Callable[[], datetime]) -> int:
    """Cancel what still waits for deleted endpoints, and return how many deliveries that were."""
    waits = select(Delivery.id).where(
        col(Delivery.endpoint_id) == Endpoint.id, Delivery.state == DeliveryState.PENDING
    )
    query = select(Endpoint.id).where(col(Endpoint.deleted_at).is_not(None), waits.exists())
    async with database.reading() as session:
        unfinished = (await session.exec(query)).all()
    return sum([await _cancel_waiting(database, each, clock) for each in unfinished])


async def _cancel_waiting(
    database: Database, endpoint_id: str, clock: Callable[[], datetime]
) -> int:
    waiting = select(Delivery.id).where(
        Delivery.endpoint_id == endpoint_id, Delivery.state == DeliveryState.PENDING
    )
    count = 0
    async for step in id_steps(database, waiting):
        async with database.writing() as session:
            await lock_endpoints(session, ids=[endpoint_id])
            count += await states.cancel(session, step, now=clock())
    return count
