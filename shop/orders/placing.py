"""Places and finds orders."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.group_commit import GroupCommit
from shop.database.bound_sandbox import require_number
from shop.database.bound_session import in_bound_sandbox
from shop.database.models import Delivery, Message, Order, OrderLine
from shop.database.transactions import Database
from shop.ids import new_id, new_uuid
from shop.orders.catalog import find_product
from shop.vocabulary import EventType
from shop.webhooks.outbox import NewMessage, insert_messages, new_message, subscribed_endpoints
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
class PricedLine:
    """A line of a new order. See ``models.OrderLine``."""

    product_id: str
    product_name: str
    unit_price_cents: int
    quantity: int


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that can be placed. ``sandbox``: where; the one that is bound here."""

    lines: Sequence[PricedLine]
    customer_name: str
    sandbox: int = field(default_factory=require_number)

    @property
    def total_cents(self) -> int:
        """The sum of its lines."""
        return sum(line.unit_price_cents * line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A new order, and its message with the deliveries."""

    id: str
    order: NewOrder
    message: NewMessage
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """An order with its lines, its deliveries and the ids of its messages, oldest first.

    Retention may have pruned deliveries and messages.
    """

    order: Order
    lines: Sequence[OrderLine]
    deliveries: Sequence[Delivery]
    message_ids: Sequence[str]


def price_order(items: Sequence[Item], customer_name: str) -> NewOrder:
    """Return the order with today's prices. Raise ``UnknownProduct``."""
    return NewOrder([_priced(item) for item in items], customer_name)


def order_commits(
    database: Database, *, clock: Callable[[], datetime]
) -> GroupCommit[NewOrder, PlacedOrder]:
    """Return what commits orders as ``place_orders`` does: those that come at once share it."""

    def place(connection: Connection, orders: Sequence[NewOrder]) -> Sequence[PlacedOrder]:
        return place_orders(connection, orders, now=clock())

    return GroupCommit(database, place)


async def place_order(session: AsyncSession, order: NewOrder, *, now: datetime) -> PlacedOrder:
    """Store the order, its message and its deliveries in the caller's transaction.

    For callers that store more in it. Other orders go through ``order_commits``.
    """
    connection = await session.connection()
    [placed] = await connection.run_sync(partial(place_orders, orders=[order], now=now))
    return placed


def place_orders(
    connection: Connection, orders: Sequence[NewOrder], *, now: datetime
) -> Sequence[PlacedOrder]:
    """Store orders, their messages and their deliveries in the caller's transaction."""
    subscribed = subscribed_endpoints(
        connection, EventType.PURCHASE_CREATED, {order.sandbox for order in orders}
    )
    placed = [_placed(order, subscribed[order.sandbox], now) for order in orders]
    connection.execute(_INSERT_ORDER, [_order_row(each) for each in placed])
    connection.execute(_INSERT_LINE, [row for each in placed for row in _line_rows(each)])
    insert_messages(connection, [each.message for each in placed])
    return placed


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


def order_event(event_type: EventType, order_id: str, total_cents: int, *, now: datetime) -> Event:
    """Return a new event about an order of this total."""
    return Event(
        new_uuid(now), event_type, now, event_value_cents(event_type, total_cents), order_id
    )


def _priced(item: Item) -> PricedLine:
    product = find_product(item.product_id)
    if product is None:
        raise UnknownProduct(item.product_id)
    return PricedLine(product.id, product.name, product.price_cents, item.quantity)


def _placed(order: NewOrder, endpoint_ids: Sequence[str], now: datetime) -> PlacedOrder:
    order_id = new_id("ord", now)
    event = order_event(EventType.PURCHASE_CREATED, order_id, order.total_cents, now=now)
    message = new_message(event, endpoint_ids, sandbox=order.sandbox)
    return PlacedOrder(order_id, order, message, now)


def _order_row(placed: PlacedOrder) -> dict[str, object]:
    return {
        "id": placed.id,
        "sandbox": placed.order.sandbox,
        "customer_name": placed.order.customer_name,
        "total_cents": placed.order.total_cents,
        "created_at": placed.created_at,
    }


def _line_rows(placed: PlacedOrder) -> Iterator[dict[str, object]]:
    for position, line in enumerate(placed.order.lines, start=1):
        yield {
            "order_id": placed.id,
            "position": position,
            "sandbox": placed.order.sandbox,
            "product_id": line.product_id,
            "product_name": line.product_name,
            "unit_price_cents": line.unit_price_cents,
            "quantity": line.quantity,
        }


# Built once: building a statement takes several times as long as executing it.
_INSERT_ORDER = insert(Order)
_INSERT_LINE = insert(OrderLine)
