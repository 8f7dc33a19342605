"""What a person or a client does to single deliveries: resend, cancel, send a test event.

Sending again only makes a delivery due: workers do the rest, each endpoint at its own pace. The
attempt gets the next number, and whatever the delivery was waiting for is off. A delivery that is
sent again singly also passes an open circuit breaker; a bulk of them does not.
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
    """Make the next attempt due at once, whatever came of the ones before.

    False when nothing was changed: the delivery is being sent right now, or its endpoint is
    disabled or deleted.
    """
    await lock_endpoints(session, of_deliveries=[delivery_id])
    count = await states.make_due(
        session, [delivery_id], is_reachable(), passes_breaker=True, now=now
    )
    return count == 1


async def cancel(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Give up a delivery that waits. False when it does not wait."""
    return await states.cancel(session, [delivery_id], now=now) == 1


async def ping(session: AsyncSession, endpoint_id: str, *, now: datetime) -> str | None:
    """Send a test event to this endpoint alone, whatever its filter says.

    Answers the id of the delivery, or None when there is no such endpoint or it is disabled.
    """
    endpoint = await find(session, endpoint_id, locked=FOR_NO_KEY_UPDATE)
    if endpoint is None or endpoint.status is EndpointStatus.DISABLED:
        return None
    event = Event(new_uuid(now), EventType.WEBHOOK_PING, now, value_cents=0, order_id=None)
    [delivery_id] = await write_message_for(session, event, [endpoint], by_hand=True, now=now)
    return delivery_id


def is_reachable() -> ColumnElement[bool]:
    """Return the condition that a delivery's endpoint is neither disabled nor deleted."""
    reachable = select(Endpoint.id).where(
        col(Endpoint.deleted_at).is_(None), Endpoint.status != EndpointStatus.DISABLED
    )
    # Appending nothing keeps the database from going endpoint by endpoint.
    return col(Delivery.endpoint_id).concat("").in_(reachable)
