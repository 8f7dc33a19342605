"""Actions of a person or an API client: resend or cancel a delivery, send a test event.

Resending only makes a delivery due now; a worker sends it. The attempt gets the next number. A
single resent delivery ignores an open circuit breaker; a bulk resend does not.
"""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.locks import FOR_NO_KEY_UPDATE, lock_endpoints
from shop.database.models import Delivery, Endpoint
from shop.ids import new_uuid
from shop.vocabulary import EndpointStatus, EventType
from shop.webhooks import states
from shop.webhooks.endpoints.registry import find
from shop.webhooks.outbox import write_message_for
from shop.webhooks.rules.events import Event


async def resend(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Make the next attempt of a delivery due now, even if it has succeeded.

    Return False if the delivery is being sent right now or its endpoint is disabled or deleted.
    """
    await lock_endpoints(session, of_deliveries=[delivery_id])
    count = await states.make_due(
        session, [delivery_id], is_reachable(), passes_breaker=True, now=now
    )
    return count == 1


async def cancel(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Cancel a waiting delivery. Return False if it does not wait."""
    return await states.cancel(session, [delivery_id], now=now) == 1


async def ping(session: AsyncSession, endpoint_id: str, *, now: datetime) -> str | None:
    """Create a test event for this endpoint only, without regard to its event types.

    Return the id of the delivery, or None if there is no such endpoint or it is disabled.
    """
    endpoint = await find(session, endpoint_id, locked=FOR_NO_KEY_UPDATE)
    if endpoint is None or endpoint.status is EndpointStatus.DISABLED:
        return None
    event = Event(new_uuid(now), EventType.WEBHOOK_PING, now, value_cents=0, order_id=None)
    message = await write_message_for(session, event, endpoint.id)
    return message.delivery_ids[0]


def is_reachable() -> ColumnElement[bool]:
    """Return the condition that a delivery's endpoint is neither disabled nor deleted."""
    reachable = select(Endpoint.id).where(
        col(Endpoint.deleted_at).is_(None), Endpoint.status != EndpointStatus.DISABLED
    )
    # Appending an empty string keeps the database from using an index to go endpoint by endpoint.
    return col(Delivery.endpoint_id).concat("").in_(reachable)
