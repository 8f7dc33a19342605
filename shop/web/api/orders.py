"""``/v1/products`` and ``/v1/orders``: list both; place, read, ship and refund orders."""

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Request, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from hookshop.webkit.access import OPEN_TO_ALL, SHOWS_MORE_TO_ADMIN
from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import COMMON_PROBLEMS, problems
from hookshop.webkit.plain_text import MAX_NAME_LENGTH, require_text_line
from hookshop.webkit.times import rfc3339_ms
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from shop.database.models import Order, OrderLine
from shop.database.transactions import Database
from shop.orders.catalog import CATALOG
from shop.orders.idempotency import IdempotencyKey
from shop.orders.placing import (
    MAX_QUANTITY,
    MIN_QUANTITY,
    Item,
    PlacedOrder,
    PricedLine,
    find_order,
    list_orders,
)
from shop.redis.change_feed import Change
from shop.web.actions import EarlierOrder
from shop.web.api.delivery_documents import (
    DeliveryDocument,
    new_deliveries,
    order_deliveries,
)
from shop.web.api.fields import (
    Cents,
    Cursor,
    DeliveryId,
    Limit,
    MessageId,
    NextCursor,
    OrderId,
    Time,
)
from shop.web.dependencies import Manages, TheActions, TheDatabase, TheFeed
from shop.web.lookups import no_such_order
from shop.webhooks.queries.quiescence import are_settled

MAX_ORDER_LINES = 50  # lines
_ORDER_ID = re.compile(r"ord_[0-9a-f]{32}", re.ASCII)
Quantity = Annotated[int, Meta(ge=MIN_QUANTITY, le=MAX_QUANTITY)]
CustomerName = Annotated[
    str,
    Meta(
        max_length=MAX_NAME_LENGTH,
        description="One line of printable characters.",
        examples=["Ada"],
    ),
]
ProductId = Annotated[str, Meta(max_length=100, examples=["fishing-rod"])]
ProductName = Annotated[str, Meta(examples=["Fishing Rod"])]

ClientsKey = Annotated[
    str | None,
    # Not "$", which also matches before a line feed at the end.
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+(?![\s\S])",
        description="A text of your own, such as a UUID, that makes a repeated request safe.",
    ),
]


class OrderCondition(StrEnum):
    """What to wait for."""

    # None of its deliveries is pending or sending, except those of paused or disabled endpoints.
    SETTLED = "settled"


WaitFor = Annotated[
    OrderCondition | None,
    QueryParameter(
        description="The condition. `settled`: no delivery of the order is pending or sending, "
        "except those that wait for a paused or disabled endpoint."
    ),
]


class OrderItem(Struct, forbid_unknown_fields=True):
    """One line of an order, without the price, which the shop sets."""

    product_id: ProductId
    quantity: Quantity


class NewOrder(Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/orders``."""

    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=MAX_ORDER_LINES)]
    customer_name: CustomerName = ""

    def __post_init__(self) -> None:
        require_text_line("customer_name", self.customer_name, max_length=MAX_NAME_LENGTH)


class ProductDocument(Struct):
    """A product of the catalog."""

    id: ProductId
    name: ProductName
    price_cents: Cents


class ProductList(Struct):
    """The whole catalog."""

    data: list[ProductDocument]
    next_cursor: NextCursor


class OrderLineDocument(Struct):
    """A line of an order, priced by the shop."""

    product_id: ProductId
    product_name: ProductName
    unit_price_cents: Cents
    quantity: int


class OrderDocument(Struct):
    """An order. ``subscribers``: the number of endpoints that are notified about it.

    ``message_ids``, ``delivery_ids``, ``deliveries``: of all its messages, oldest first. Only in
    responses to calls with the admin token, if there is one. ``satisfied``: only in responses to
    calls that wait.
    """

    id: OrderId
    customer_name: Annotated[str, Meta(examples=["Ada"])]
    total_cents: Cents
    created_at: Time
    shipped_at: Annotated[Time | None, Meta(examples=[None])]
    refunded_at: Annotated[Time | None, Meta(examples=[None])]
    items: list[OrderLineDocument]
    subscribers: int
    message_ids: list[MessageId] | UnsetType = UNSET
    delivery_ids: list[DeliveryId] | UnsetType = UNSET
    deliveries: list[DeliveryDocument] | UnsetType = UNSET
    satisfied: Satisfied | UnsetType = UNSET


class ListedOrder(Struct):
    """An order in a list, without its lines and messages."""

    id: OrderId
    customer_name: Annotated[str, Meta(examples=["Ada"])]
    total_cents: Cents
    created_at: Time
    shipped_at: Annotated[Time | None, Meta(examples=[None])]
    refunded_at: Annotated[Time | None, Meta(examples=[None])]


class OrderList(Struct):
    """One page of the orders."""

    data: list[ListedOrder]
    next_cursor: NextCursor


@get("/products", opt=OPEN_TO_ALL)
async def list_products() -> ProductList:
    """Return all products."""
    return ProductList(
        [ProductDocument(product.id, product.name, product.price_cents) for product in CATALOG],
        next_cursor=None,
    )


@post(
    "/orders",
    operation_id="placeOrder",
    dto=StrictJson[NewOrder],
    return_dto=None,
    opt=SHOWS_MORE_TO_ADMIN,
    responses=problems(
        {
            404: "A product is unknown. Nothing is ordered.",
            422: "The `Idempotency-Key` was used for another order.",
        }
    ),
)
async def post_order(
    data: JSONBody[NewOrder],
    database: TheDatabase,
    actions: TheActions,
    manages: Manages,
    idempotency_key: ClientsKey = None,
) -> OrderDocument:
    """Place an order.

    With an ``Idempotency-Key``, a repeated request with the same body returns the first order.
    """
    items = [Item(item.product_id, item.quantity) for item in data.items]
    if idempotency_key is None:
        return _placed(await actions.place_order(items, data.customer_name), manages=manages)
    key = IdempotencyKey(idempotency_key, _fingerprint(data))
    once = await actions.place_order_once(key, items, data.customer_name)
    if isinstance(once, EarlierOrder):
        return await _read_order(database, once.id, manages=manages)
    return _placed(once, manages=manages)


@get("/orders", operation_id="listOrders")
async def list_orders_as_json(
    database: TheDatabase, limit: Limit = 50, cursor: Cursor = None
) -> OrderList:
    """Return one page of orders, newest first. ``next_cursor`` leads to the next page.

    A program that polls asks for the first page again and again. Webhooks spare that.
    """
    if cursor is not None and not _ORDER_ID.fullmatch(cursor):
        raise Problem(400, "unknown cursor: start again without one")
    async with database.reading() as session:
        # One more than the limit, to see whether there is an older page.
        orders = await list_orders(session, limit=limit + 1, before_id=cursor)
    shown = orders[:limit]
    return OrderList([_listed(each) for each in shown], shown[-1].id if orders[limit:] else None)


@get(
    "/orders/{order_id:str}",
    opt=SHOWS_MORE_TO_ADMIN,
    responses=problems({401: COMMON_PROBLEMS[401] + " Waiting needs it.", **TIMED_OUT}),
)
async def get_order(  # noqa: PLR0913 – one parameter for each part of the query string
    *,
    order_id: FromPath[OrderId],
    request: Request[Any, Any, Any],
    database: TheDatabase,
    feed: TheFeed,
    manages: Manages,
    wait_for: WaitFor = None,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> OrderDocument:
    """Return an order with its lines and, with the admin token, its deliveries.

    Each delivery names its message, the ``webhook-id`` that its receiver has recorded. With
    ``wait_for`` or ``wait``, wait until the order is settled, and return ``satisfied``.
    """
    asked = Wait.read(0 if wait_for and wait is None else wait, strict=strict)
    if asked is None:
        return await _read_order(database, order_id, manages=manages)
    if not manages:
        raise NotAuthorizedException("waiting needs the token: send it as Authorization: Bearer …")

    def concerns(change: Change) -> bool:
        # A changed endpoint may be paused or disabled now.
        return change.kind == "endpoint" or order_id in {change.order_id, change.id}

    settled = Condition(
        lambda: _read_order(database, order_id, manages=True, tells_whether_settled=True),
        lambda _: "some of its deliveries are pending or sending",
        concerns,
    )
    return await wait_until_satisfied(request, feed, asked, settled)


@post(
    "/orders/{order_id:str}/ship",
    status_code=200,
    responses=problems({409: "It was already shipped or refunded."}),
)
async def ship_order(
    order_id: FromPath[OrderId], database: TheDatabase, actions: TheActions
) -> OrderDocument:
    """Ship an order and notify subscribers."""
    if await actions.ship(order_id) is None:
        raise no_such_order(order_id)
    return await _read_order(database, order_id, manages=True)


@post(
    "/orders/{order_id:str}/refund",
    status_code=200,
    responses=problems({409: "It was already refunded."}),
)
async def refund_order(
    order_id: FromPath[OrderId], database: TheDatabase, actions: TheActions
) -> OrderDocument:
    """Refund an order and notify subscribers."""
    if await actions.refund(order_id) is None:
        raise no_such_order(order_id)
    return await _read_order(database, order_id, manages=True)


def _listed(order: Order) -> ListedOrder:
    return ListedOrder(
        id=order.id,
        customer_name=order.customer_name,
        total_cents=order.total_cents,
        created_at=rfc3339_ms(order.created_at),
        shipped_at=rfc3339_ms(order.shipped_at) if order.shipped_at else None,
        refunded_at=rfc3339_ms(order.refunded_at) if order.refunded_at else None,
    )


def _fingerprint(order: NewOrder) -> str:
    """Return a hash of the order; two spellings of the same JSON have the same."""
    return hashlib.sha256(msgspec.json.encode(order)).hexdigest()


async def _read_order(
    database: Database, order_id: str, *, manages: bool, tells_whether_settled: bool = False
) -> OrderDocument:
    async with database.reading() as session:
        found = await find_order(session, order_id)
        if found is None:
            raise no_such_order(order_id)
        deliveries = await order_deliveries(session, found)
        is_settled = (
            await are_settled(session, found.deliveries) if tells_whether_settled else UNSET
        )
    subscribers = len({delivery.endpoint_id for delivery in found.deliveries})
    messages = _Messages(found.message_ids, deliveries) if manages else None
    document = _document(_listed(found.order), found.lines, subscribers, messages)
    document.satisfied = is_settled
    return document


def _placed(placed: PlacedOrder, *, manages: bool) -> OrderDocument:
    deliveries = placed.message.deliveries
    messages = _Messages([placed.message.id], new_deliveries(placed)) if manages else None
    listed = ListedOrder(
        id=placed.id,
        customer_name=placed.order.customer_name,
        total_cents=placed.order.total_cents,
        created_at=rfc3339_ms(placed.created_at),
        shipped_at=None,
        refunded_at=None,
    )
    return _document(listed, placed.order.lines, len(deliveries), messages)


class _Messages(NamedTuple):
    """The messages of an order: what only the admin sees."""

    ids: Sequence[str]
    deliveries: list[DeliveryDocument]


def _document(
    order: ListedOrder,
    lines: Sequence[OrderLine | PricedLine],
    subscribers: int,
    messages: _Messages | None,
) -> OrderDocument:
    return OrderDocument(
        **structs.asdict(order),
        items=[
            OrderLineDocument(
                line.product_id, line.product_name, line.unit_price_cents, line.quantity
            )
            for line in lines
        ],
        subscribers=subscribers,
        message_ids=list(messages.ids) if messages else UNSET,
        delivery_ids=[each.id for each in messages.deliveries] if messages else UNSET,
        deliveries=messages.deliveries if messages else UNSET,
    )
