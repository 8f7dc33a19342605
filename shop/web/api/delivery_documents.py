"""A delivery as JSON."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.times import rfc3339_ms
from shop.database.models import Delivery
from shop.orders.placing import OrderDetail, PlacedOrder
from shop.vocabulary import AttemptError, DeliveryState, EventType
from shop.web.api.attempts import AttemptDocument, attempt_document, rfc3339_ms_or_none
from shop.web.api.fields import (
    DeliveryId,
    DescribedbyLink,
    EndpointId,
    MessageId,
    OrderId,
    SkippedSeconds,
    Time,
)
from shop.web.deliveries.links import describedby_link, link_of_attempt
from shop.webhooks.queries.deliveries import (
    DeliveryDetail,
    DeliveryFilter,
    LinkedRow,
    list_with_links,
)


class DeliveryDocument(Struct):
    """A delivery in the log.

    ``skipped_seconds``: since the last attempt; ``next_attempt_at`` is so much earlier.
    ``describedby_link``: the receiver's own page about the last attempt, if its response named one.
    """

    id: DeliveryId
    message_id: MessageId
    order_id: OrderId | None
    endpoint_id: EndpointId
    event_type: EventType
    state: Annotated[DeliveryState, Meta(examples=["succeeded"])]
    attempt_count: int
    next_attempt_at: Annotated[Time | None, Meta(examples=[None])]
    skipped_seconds: SkippedSeconds
    last_status: Annotated[int | None, Meta(examples=[200])]
    last_error: Annotated[AttemptError | None, Meta(examples=[None])]
    created_at: Time
    completed_at: Time | None
    describedby_link: DescribedbyLink


class DeliveryWithAttempts(DeliveryDocument):
    """A delivery and all its attempts, oldest first."""

    attempts: list[AttemptDocument]


def listed_delivery(row: LinkedRow) -> DeliveryDocument:
    """Return a row of the log as JSON."""
    link = describedby_link(row.link_header, row.request_url or "") if row.link_header else None
    return DeliveryDocument(**_fields(row.delivery, row.order_id, link))


async def order_deliveries(session: AsyncSession, order: OrderDetail) -> list[DeliveryDocument]:
    """Return the deliveries of an order as JSON, oldest first."""
    if not order.deliveries:
        return []
    of_order = DeliveryFilter(order_id=order.order.id)
    page = await list_with_links(session, of_order, limit=len(order.deliveries))
    return [listed_delivery(row) for row in reversed(page.rows)]


def new_deliveries(placed: PlacedOrder) -> list[DeliveryDocument]:
    """Return the deliveries of a new order as JSON."""
    return [
        DeliveryDocument(
            id=delivery.id,
            message_id=delivery.message_id,
            order_id=placed.id,
            endpoint_id=delivery.endpoint_id,
            event_type=delivery.event_type,
            state=delivery.state,
            attempt_count=0,
            next_attempt_at=rfc3339_ms(delivery.next_attempt_at),
            skipped_seconds=0,
            last_status=None,
            last_error=None,
            created_at=rfc3339_ms(delivery.created_at),
            completed_at=None,
            describedby_link=None,
        )
        for delivery in placed.message.deliveries
    ]


def delivery_document(found: DeliveryDetail) -> DeliveryDocument:
    """Return a delivery as JSON, without its attempts."""
    return DeliveryDocument(**_fields_of(found))


def delivery_with_attempts(found: DeliveryDetail) -> DeliveryWithAttempts:
    """Return a delivery as JSON, with its attempts."""
    attempts = [attempt_document(attempt, found.message) for attempt in found.attempts]
    return DeliveryWithAttempts(**_fields_of(found), attempts=attempts)


def _fields_of(found: DeliveryDetail) -> dict[str, Any]:
    last = found.attempts[-1] if found.attempts else None
    link = link_of_attempt(last) if last else None
    return _fields(found.delivery, found.message.order_id, link)


def _fields(delivery: Delivery, order_id: str | None, link: str | None) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "message_id": delivery.message_id,
        "order_id": order_id,
        "endpoint_id": delivery.endpoint_id,
        "event_type": delivery.event_type,
        "state": delivery.state,
        "attempt_count": delivery.attempt_count,
        "next_attempt_at": rfc3339_ms_or_none(delivery.next_attempt_at),
        "skipped_seconds": delivery.skipped_ms / 1000,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": rfc3339_ms_or_none(delivery.created_at),
        "completed_at": rfc3339_ms_or_none(delivery.completed_at),
        "describedby_link": link,
    }
