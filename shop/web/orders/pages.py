"""The live pages of orders: the list, and one order with its deliveries."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import ServerSentEvent, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.access import OPEN_TO_ALL, may_manage
from hookshop.webkit.errors import Problem
from hookshop.webkit.live import Region
from shop.config import Settings
from shop.database.models import Delivery, Order
from shop.database.transactions import Database
from shop.orders.placing import find_order, list_orders
from shop.redis.change_feed import Change
from shop.vocabulary import DeliveryState
from shop.web.deliveries.rows import read_rows
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.lookups import no_such_order
from shop.web.sandboxes.effective_settings import schedule_here
from shop.web.steady_orders.pages import shop_stream
from shop.webhooks.queries.deliveries import MAX_PAGE_SIZE, DeliveryFilter, list_deliveries
from shop.webhooks.rules.retries import RetrySchedule

PAGE_SIZE = 50
_ORDER_ID = re.compile(r"ord_[0-9a-f]{32}", re.ASCII)

AnyRequest = Request[Any, Any, Any]


@get("/orders", include_in_schema=False)
async def show_orders(database: TheDatabase, before: FromQuery[str | None] = None) -> Template:
    """Show the orders, newest first. ``before``: the last order of the previous page."""
    context = await _list_region(database, before).read()
    context["live_address"] = _address("/orders/live", before)
    return Template("shop/orders/orders.html", context=context)


@get("/orders/live", include_in_schema=False)
async def stream_orders(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, before: FromQuery[str | None] = None
) -> ServerSentEvent:
    """Stream the list of orders."""
    return await shop_stream(request, feed, _list_region(database, before))


@get("/orders/{order_id:str}", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_order(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, order_id: FromPath[str]
) -> Template:
    """Show an order: its lines, its state and its deliveries."""
    region = _order_region(request, settings, database, order_id)
    return Template("shop/orders/order.html", context=await region.read())


@get("/orders/{order_id:str}/live", include_in_schema=False, opt=OPEN_TO_ALL)
async def stream_order(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    feed: TheFeed,
    order_id: FromPath[str],
) -> ServerSentEvent:
    """Stream the page of the order."""
    region = _order_region(request, settings, database, order_id)
    return await shop_stream(request, feed, region)


def _list_region(database: Database, before: str | None) -> Region:
    async def read() -> dict[str, Any]:
        if before and not _ORDER_ID.fullmatch(before):
            raise Problem(400, f"{before!r} is not the ID of an order")
        async with database.reading() as session:
            # Read one more than shown, to see whether there is an older page.
            orders = await list_orders(session, limit=PAGE_SIZE + 1, before_id=before)
        return {
            "orders": orders[:PAGE_SIZE],
            "newest_address": "/orders" if before else None,
            "older_address": _older_address(orders),
        }

    return Region("orders", "shop/orders/_orders.html", read, lambda c: c.kind == "order")


def _order_region(
    request: AnyRequest, settings: Settings, database: Database, order_id: str
) -> Region:
    manages, schedule = may_manage(request, settings), schedule_here(request, settings)

    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_order(session, order_id)
            if found is None:
                raise no_such_order(order_id)
            # A customer's page gets no deliveries: the URLs of endpoints often are credentials.
            log = await _deliveries(session, order_id, schedule) if manages else {}
        return {
            "order": found.order,
            "lines": found.lines,
            "messages": _messages(found.deliveries),
            "were_pruned": not found.message_ids,
            "manages": manages,
            **log,
            "may_ship": manages and not found.order.shipped_at and not found.order.refunded_at,
            "may_refund": manages and not found.order.refunded_at,
        }

    def concerns(change: Change) -> bool:
        # None: deleting an endpoint cancels deliveries, and its announcement names no orders.
        return change.order_id in {order_id, None}

    return Region("order", "shop/orders/_order.html", read, concerns)


async def _deliveries(
    session: AsyncSession, order_id: str, schedule: RetrySchedule
) -> dict[str, Any]:
    wanted = DeliveryFilter(order_id=order_id)
    page = await list_deliveries(session, wanted, limit=MAX_PAGE_SIZE)
    return {
        "rows": await read_rows(session, page.rows, schedule),
        "more_rows": page.next_cursor is not None,
    }


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """A message about the order.

    ``endpoints``: the number of endpoints that it is sent to. ``delivered``: how many have it.
    """

    id: str
    event_type: str
    endpoints: int
    delivered: int


def _messages(deliveries: Sequence[Delivery]) -> list[OrderMessage]:
    """Return the messages, newest first. ``deliveries``: oldest first."""
    newest_first = deliveries[::-1]
    ids = Counter(delivery.message_id for delivery in newest_first)
    types = {delivery.message_id: delivery.event_type.value for delivery in newest_first}
    delivered = Counter(
        each.message_id for each in deliveries if each.state is DeliveryState.SUCCEEDED
    )
    return [OrderMessage(id_, types[id_], count, delivered[id_]) for id_, count in ids.items()]


def _older_address(orders: Sequence[Order]) -> str | None:
    return _address("/orders", orders[PAGE_SIZE - 1].id) if len(orders) > PAGE_SIZE else None


def _address(path: str, before: str | None) -> str:
    return f"{path}?{urlencode({'before': before})}" if before else path
