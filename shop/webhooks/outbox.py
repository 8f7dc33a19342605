"""Stores a message and its deliveries in the same transaction as the order: a transactional outbox.

So no order is without its webhooks, and no webhook is sent for an order that was rolled back.
Workers send the deliveries after the commit.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery, Endpoint, Message
from shop.vocabulary import EndpointStatus, EventType, Trigger
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.states import new_delivery


async def write_message(session: AsyncSession, event: Event, *, now: datetime) -> list[Delivery]:
    """Store the event's exact bytes and one pending delivery for each subscribed endpoint.

    Return the deliveries, to wake a worker for them after the commit.
    """
    endpoints = await _subscribed_endpoints(session, event.type)
    return await write_message_for(session, event, endpoints, now=now)


async def write_message_for(
    session: AsyncSession,
    event: Event,
    endpoints: Sequence[Endpoint],
    *,
    is_manual: bool = False,
    now: datetime,
) -> list[Delivery]:
    """Store the event's exact bytes and one pending delivery for each of these endpoints.

    ``is_manual``: a person waits for it, so the first attempt ignores an open circuit breaker.
    Return the deliveries.
    """
    message = Message(
        id=event.message_id,
        event_type=event.type,
        order_id=event.order_id,
        body=serialize(event),
        created_at=now,
    )
    session.add(message)
    await session.flush()  # the deliveries' foreign keys need the message's row
    trigger = Trigger.MANUAL if is_manual else Trigger.AUTOMATIC
    deliveries = [
        new_delivery(
            message.id, event.type, endpoint.id, trigger=trigger, passes_breaker=is_manual, now=now
        )
        for endpoint in endpoints
    ]
    session.add_all(deliveries)
    return deliveries


async def _subscribed_endpoints(session: AsyncSession, event_type: EventType) -> Sequence[Endpoint]:
    query = (
        select(Endpoint)
        .where(col(Endpoint.deleted_at).is_(None), col(Endpoint.status) != EndpointStatus.DISABLED)
        .order_by(col(Endpoint.id))
        # Block deleting an endpoint until this is committed: deleting cancels waiting deliveries.
        .with_for_update(read=True, key_share=True)
    )
    endpoints = (await session.exec(query)).all()
    return [endpoint for endpoint in endpoints if event_type in endpoint.event_types]
