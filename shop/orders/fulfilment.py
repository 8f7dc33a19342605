"""What happens to an order after it was placed: it is shipped, it is refunded, once each.

Called by the JSON API and the order's page. Like placing it, each is one commit with its webhooks.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Order
from shop.orders.placing import order_event
from shop.vocabulary import EventType
from shop.webhooks.outbox import write_message


class NotPossible(Exception):  # noqa: N818 – the name says what happened
    """The order is not in a state for this; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Told:
    """The changed order, and the ids of the deliveries to wake once it is committed."""

    order: Order
    delivery_ids: list[str]


async def ship(session: AsyncSession, order_id: str, *, now: datetime) -> Told | None:
    """Ship an order and tell about it; None when there is no such order.

    Raises ``NotPossible`` for one that was shipped or refunded before.
    """
    order = await session.get(Order, order_id, with_for_update=True)  # it happens once
    if order is None:
        return None
    if order.shipped_at:
        raise NotPossible("this order was shipped before")
    if order.refunded_at:
        raise NotPossible("this order was refunded, so it is not shipped")
    order.shipped_at = now
    event = order_event(order, EventType.PURCHASE_SHIPPED, now=now)
    return Told(order, await write_message(session, event, now=now))


async def refund(session: AsyncSession, order_id: str, *, now: datetime) -> Told | None:
    """Give the money back, shipped or not, and tell about it; None when there is no such order.

    Raises ``NotPossible`` for one that was refunded before.
    """
    order = await session.get(Order, order_id, with_for_update=True)  # it happens once
    if order is None:
        return None
    if order.refunded_at:
        raise NotPossible("this order was refunded before")
    order.refunded_at = now
    event = order_event(order, EventType.PURCHASE_REFUNDED, now=now)
    return Told(order, await write_message(session, event, now=now))
