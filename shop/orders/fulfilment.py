"""Ships and refunds orders, each at most once.

Like placing an order, each stores the change, its message and deliveries in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Order
from shop.orders.placing import order_event
from shop.vocabulary import EventType
from shop.webhooks.outbox import write_message


class InvalidOrderState(Exception):  # noqa: N818 – the name says what happened
    """The order's state does not allow this. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """The changed order, and the ids of its new deliveries, to wake a worker after the commit."""

    order: Order
    delivery_ids: Sequence[str]


async def ship(session: AsyncSession, order_id: str, *, now: datetime) -> OrderUpdate | None:
    """Mark an order as shipped and create its webhooks. Return None if there is no such order.

    Raise ``InvalidOrderState`` if it was already shipped or refunded.
    """
    order = await session.get(Order, order_id, with_for_update=True)  # it happens once
    if order is None:
        return None
    if order.shipped_at:
        raise InvalidOrderState("this order was already shipped")
    if order.refunded_at:
        raise InvalidOrderState("a refunded order cannot be shipped")
    order.shipped_at = now
    event = order_event(EventType.PURCHASE_SHIPPED, order.id, order.total_cents, now=now)
    message = await write_message(session, event)
    return OrderUpdate(order, message.delivery_ids)


async def refund(session: AsyncSession, order_id: str, *, now: datetime) -> OrderUpdate | None:
    """Refund an order, shipped or not, and create its webhooks. Return None if there is none.

    Raise ``InvalidOrderState`` if it was already refunded.
    """
    order = await session.get(Order, order_id, with_for_update=True)  # it happens once
    if order is None:
        return None
    if order.refunded_at:
        raise InvalidOrderState("this order was already refunded")
    order.refunded_at = now
    event = order_event(EventType.PURCHASE_REFUNDED, order.id, order.total_cents, now=now)
    message = await write_message(session, event)
    return OrderUpdate(order, message.delivery_ids)
