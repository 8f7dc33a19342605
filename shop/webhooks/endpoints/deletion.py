"""Deletes endpoints: marks one as deleted, then cancels its waiting deliveries in batches.

From the mark on, nothing is sent to it. If the cancellation is interrupted, a worker finishes it.
"""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import col, select

from shop.database.locks import lock_endpoints
from shop.database.models import Delivery, Endpoint, is_in_state_index
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState
from shop.webhooks import states
from shop.webhooks.batches import id_batches
from shop.webhooks.endpoints import registry


async def delete_endpoint(
    database: Database, endpoint_id: str, *, clock: Callable[[], datetime]
) -> bool:
    """Delete an endpoint and cancel its waiting deliveries. Its history stays.

    Return whether there was such an endpoint.
    """
    async with database.writing() as session:
        if not await registry.mark_deleted(session, endpoint_id, now=clock()):
            return False
    await _cancel_waiting(database, endpoint_id, clock)
    return True


async def finish_deletions(database: Database, *, clock: Callable[[], datetime]) -> int:
    """Cancel all waiting deliveries of deleted endpoints. Return the number of deliveries."""
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
        Delivery.endpoint_id == endpoint_id,
        Delivery.state == DeliveryState.PENDING,
        is_in_state_index(),
    )
    count = 0
    async for batch in id_batches(database, waiting):
        async with database.writing() as session:
            await lock_endpoints(session, ids=[endpoint_id])
            count += await states.cancel(session, batch, now=clock())
    return count
