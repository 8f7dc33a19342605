"""Writes a message and its deliveries in the transaction of the fact that they tell about.

Called by ``orders`` and ``fulfilment``. Since order, message and deliveries are one commit, no
order can exist whose webhooks were forgotten, and no webhook can tell of an order that was rolled
back (the "transactional outbox"). Sending starts after the commit, elsewhere.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Endpoint, Message
from shop.vocabulary import EndpointStatus, EventType, Trigger
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.states import new_delivery


async def write_message(session: AsyncSession, event: Event, *, now: datetime) -> list[str]:
    """Store the event's exact bytes and one pending delivery for each endpoint that wants it.

    Returns the ids of the deliveries, for the wake-up after the commit.
    """
    endpoints = await _endpoints_wanting(session, event.type)
    return await write_message_for(session, event, endpoints, now=now)


async def write_message_for(
    session: AsyncSession,
    event: Event,
    endpoints: Sequence[Endpoint],
    *,
    by_hand: bool = False,
    now: datetime,
) -> list[str]:
    """The same for these endpoints, whether they want it or not.

    ``by_hand``: a person waits for it, so the first attempt ignores an open circuit breaker.
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
    trigger = Trigger.MANUAL if by_hand else Trigger.AUTOMATIC
    deliveries = [
        new_delivery(
            message.id, event.type, endpoint.id, trigger=trigger, passes_breaker=by_hand, now=now
        )
        for endpoint in endpoints
    ]
    session.add_all(deliveries)
    return [delivery.id for delivery in deliveries]


async def _endpoints_wanting(session: AsyncSession, event_type: EventType) -> Sequence[Endpoint]:
    query = (
        select(Endpoint)
        .where(col(Endpoint.deleted_at).is_(None), col(Endpoint.status) != EndpointStatus.DISABLED)
        .order_by(col(Endpoint.id))
        # None of them is deleted before this is committed: deleting cancels what waits.
        .with_for_update(read=True, key_share=True)
    )
    endpoints = (await session.exec(query)).all()
    return [endpoint for endpoint in endpoints if event_type in endpoint.event_types]
