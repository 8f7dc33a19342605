"""Stores a message and its deliveries in the same transaction as the order: a transactional outbox.

So no order is without its webhooks, and no webhook is sent for an order that was rolled back.
Workers send the deliveries after the commit.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, bindparam, insert, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_sandbox import require_number
from shop.database.models import Endpoint, Message
from shop.vocabulary import EndpointStatus, EventType, Trigger
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.states import NewDelivery, insert_deliveries, new_delivery


@dataclass(frozen=True, slots=True)
class NewMessage:
    """An event to store in a sandbox, and a pending delivery for each endpoint that gets it."""

    event: Event
    sandbox: int
    deliveries: Sequence[NewDelivery]

    @property
    def id(self) -> str:
        """The ``webhook-id``."""
        return self.event.message_id

    @property
    def delivery_ids(self) -> Sequence[str]:
        """The ids of its deliveries, to wake a worker after the commit."""
        return [delivery.id for delivery in self.deliveries]


def new_message(
    event: Event, endpoint_ids: Sequence[str], *, sandbox: int, is_manual: bool = False
) -> NewMessage:
    """Return a message for these endpoints, to be stored.

    ``is_manual``: a person waits for it, so the first attempt ignores an open circuit breaker.
    """
    trigger = Trigger.MANUAL if is_manual else Trigger.AUTOMATIC
    deliveries = [
        new_delivery(
            event.message_id,
            event.type,
            endpoint_id,
            sandbox=sandbox,
            trigger=trigger,
            passes_breaker=is_manual,
            now=event.occurred_at,
        )
        for endpoint_id in endpoint_ids
    ]
    return NewMessage(event, sandbox, deliveries)


async def write_message(session: AsyncSession, event: Event) -> NewMessage:
    """Store an event of the bound sandbox for each subscribed endpoint. Return its message."""
    sandbox = require_number()

    def write(connection: Connection) -> NewMessage:
        subscribed = subscribed_endpoints(connection, event.type, [sandbox])
        message = new_message(event, subscribed[sandbox], sandbox=sandbox)
        insert_messages(connection, [message])
        return message

    return await (await session.connection()).run_sync(write)


async def write_message_for(session: AsyncSession, event: Event, endpoint_id: str) -> NewMessage:
    """Store an event of the bound sandbox for this endpoint only, because a person waits for it."""
    message = new_message(event, [endpoint_id], sandbox=require_number(), is_manual=True)
    connection = await session.connection()
    await connection.run_sync(partial(insert_messages, messages=[message]))
    return message


def subscribed_endpoints(
    connection: Connection, event_type: EventType, sandboxes: Collection[int]
) -> Mapping[int, Sequence[str]]:
    """Return the ids of the endpoints that are subscribed to events of this type, by sandbox.

    None of them can be deleted before this transaction ends: deleting cancels waiting deliveries.
    """
    subscribed = defaultdict[int, list[str]](list)
    for endpoint in connection.execute(_LIVE_ENDPOINTS, {"sandboxes": list(sandboxes)}):
        if event_type in endpoint.event_types:
            subscribed[endpoint.sandbox].append(endpoint.id)
    return subscribed


def insert_messages(connection: Connection, messages: Sequence[NewMessage]) -> None:
    """Store the exact bytes of each event, and its deliveries."""
    connection.execute(_INSERT_MESSAGE, [_row(each) for each in messages])
    insert_deliveries(connection, [each for message in messages for each in message.deliveries])


def _row(message: NewMessage) -> dict[str, object]:
    event = message.event
    return {
        "id": message.id,
        "sandbox": message.sandbox,
        "event_type": event.type,
        "order_id": event.order_id,
        "body": serialize(event),
        "created_at": event.occurred_at,
    }


# Built once: building a statement takes several times as long as executing it.
_LIVE_ENDPOINTS = (
    select(col(Endpoint.sandbox), col(Endpoint.id), col(Endpoint.event_types))
    .where(
        col(Endpoint.sandbox).in_(bindparam("sandboxes", expanding=True)),
        col(Endpoint.deleted_at).is_(None),
        col(Endpoint.status) != EndpointStatus.DISABLED,
    )
    .order_by(col(Endpoint.id))
    .with_for_update(read=True, key_share=True)
)
_INSERT_MESSAGE = insert(Message)
