"""``/v1/products`` and ``/v1/orders``: buy as a program."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from shop.announcements import Change
from shop.catalog import CATALOG
from shop.models import Order, OrderLine
from shop.orders import LARGEST_QUANTITY, SMALLEST_QUANTITY, Item, find_order, place_order
from shop.times import rfc3339_ms
from shop.web.api.bodies import StrictJson
from shop.web.dependencies import TheDatabase, TheFeed, TheQueue

LARGEST_ORDER = 50  # lines
Quantity = Annotated[int, Meta(ge=SMALLEST_QUANTITY, le=LARGEST_QUANTITY)]
CustomerName = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class OrderItem(Struct, forbid_unknown_fields=True):
    """One line of an order; the price is the shop's business."""

    product_id: Annotated[str, Meta(max_length=100)]
    quantity: Quantity


class NewOrder(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/orders``."""

    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=LARGEST_ORDER)]
    customer_name: CustomerName = ""


class ProductDocument(Struct):
    """An article of the catalogue."""

    id: str
    name: str
    price_cents: int


class ProductList(Struct):
    """The whole catalogue."""

    data: list[ProductDocument]
    next_cursor: None = None


class OrderLineDocument(Struct):
    """A line of an order, priced by the shop."""

    product_id: str
    product_name: str
    unit_price_cents: int
    quantity: int


class OrderDocument(Struct):
    """An order with the deliveries that tell about it."""

    id: str
    customer_name: str
    total_cents: int
    created_at: str
    items: list[OrderLineDocument]
    delivery_ids: list[str]


@get("/products")
async def list_products() -> ProductList:
    """Everything that can be bought."""
    return ProductList(
        data=[ProductDocument(product.id, product.name, product.price_cents) for product in CATALOG]
    )


@post("/orders", dto=StrictJson[NewOrder], return_dto=None)
async def post_order(
    data: JSONBody[NewOrder], database: TheDatabase, queue: TheQueue, feed: TheFeed
) -> OrderDocument:
    """Place an order. 404: a product is unknown; then nothing was ordered."""
    items = [Item(item.product_id, item.quantity) for item in data.items]
    async with database.writing() as session:
        placed = await place_order(session, items, data.customer_name, now=datetime.now(UTC))
    # Committed: the order stands, whatever becomes of the wake-up.
    await asyncio.gather(
        queue.wake(placed.delivery_ids), feed.announce(Change("order", placed.order.id))
    )
    return _document(placed.order, placed.lines, placed.delivery_ids)


@get("/orders/{order_id:str}")
async def get_order(order_id: FromPath[str], database: TheDatabase) -> OrderDocument:
    """One order with its lines and the ids of its deliveries."""
    async with database.reading() as session:
        found = await find_order(session, order_id)
    if found is None:
        raise NotFoundException(f"there is no order {order_id!r}")
    return _document(found.order, found.lines, [delivery.id for delivery in found.deliveries])


def _document(
    order: Order, lines: Sequence[OrderLine], delivery_ids: Sequence[str]
) -> OrderDocument:
    return OrderDocument(
        id=order.id,
        customer_name=order.customer_name,
        total_cents=order.total_cents,
        created_at=rfc3339_ms(order.created_at),
        items=[
            OrderLineDocument(
                line.product_id, line.product_name, line.unit_price_cents, line.quantity
            )
            for line in lines
        ],
        delivery_ids=list(delivery_ids),
    )
