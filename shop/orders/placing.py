"""Places and finds orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_session import in_bound_sandbox
from shop.database.models import Delivery, Message, Order, OrderLine
from shop.ids import new_id, new_uuid
from shop.orders.catalog import Product, find_product
from shop.vocabulary import EventType
from shop.webhooks.outbox import write_message
from shop.webhooks.rules.events import Event, event_value_cents

MIN_QUANTITY, MAX_QUANTITY = 1, 99


class UnknownProduct(Exception):  # noqa: N818 – the name says what happened
    """An order names a product that the shop does not sell."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is no product {product_id!r}")
        self.product_id = product_id


@dataclass(frozen=True, slots=True)
class Item:
    """A product in a customer's order. ``quantity``: 1 to 99, already checked."""

    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A new order with its lines, and its message with the deliveries."""

    order: Order
    lines: Sequence[OrderLine]
    message_id: str
    deliveries: Sequence[Delivery]

    @property
    def delivery_ids(self) -> Sequence[str]:
        """The ids of its deliveries, to wake a worker after the commit."""
        return [delivery.id for delivery in self.deliveries]


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """An order with its lines, its deliveries and the ids of its messages, oldest first.

    Retention may have pruned deliveries and messages.
    """

    order: Order
    lines: Sequence[OrderLine]
    deliveries: Sequence[Delivery]
    message_ids: Sequence[str]


async def place_order(
    session: AsyncSession, items: Sequence[Item], customer_name: str, *, now: datetime
) -> PlacedOrder:
    """Store the order, its message and its deliveries in the caller's transaction.

    Raise ``UnknownProduct`` before anything is written.
    """
    priced = [(_priced(item.product_id), item.quantity) for item in items]
    order = Order(
        id=new_id("ord", now),
        customer_name=customer_name,
        total_cents=sum(product.price_cents * quantity for product, quantity in priced),
        created_at=now,
    )
    session.add(order)
    await session.flush()  # the lines' foreign keys need the order's row
    lines = [
        _line(order, position, product, quantity)
        for position, (product, quantity) in enumerate(priced, start=1)
    ]
    session.add_all(lines)
    event = order_event(order, EventType.PURCHASE_CREATED, now=now)
    deliveries = await write_message(session, event, now=now)
    return PlacedOrder(order, lines, event.message_id, deliveries)


async def find_order(session: AsyncSession, order_id: str) -> OrderDetail | None:
    """Return the order with its lines and deliveries, or None."""
    order = await session.get(Order, order_id)
    if order is None:
        return None
    lines = (
        select(OrderLine).where(OrderLine.order_id == order_id).order_by(col(OrderLine.position))
    )
    deliveries = (
        select(Delivery)
        .join(Message, col(Message.id) == Delivery.message_id)
        .where(Message.order_id == order_id)
        .order_by(col(Delivery.id))
    )
    messages = select(Message.id).where(Message.order_id == order_id).order_by(col(Message.id))
    return OrderDetail(
        order,
        (await session.exec(lines)).all(),
        (await session.exec(deliveries)).all(),
        (await session.exec(messages)).all(),
    )


async def list_orders(
    session: AsyncSession, *, limit: int, before_id: str | None = None
) -> Sequence[Order]:
    """Return orders, newest first. ``before_id``: the last order of the previous page."""
    here = in_bound_sandbox(Order.sandbox)
    query = select(Order).where(here).order_by(col(Order.id).desc()).limit(limit)
    if before_id:
        query = query.where(Order.id < before_id)
    return (await session.exec(query)).all()


def order_event(order: Order, event_type: EventType, *, now: datetime) -> Event:
    """Return a new event about an order."""
    value_cents = event_value_cents(event_type, order.total_cents)
    return Event(new_uuid(now), event_type, now, value_cents, order.id)


def _priced(product_id: str) -> Product:
    product = find_product(product_id)
    if product is None:
        raise UnknownProduct(product_id)
    return product


def _line(order: Order, position: int, product: Product, quantity: int) -> OrderLine:
    return OrderLine(
        order_id=order.id,
        position=position,
        product_id=product.id,
        product_name=product.name,
        unit_price_cents=product.price_cents,
        quantity=quantity,
    )
