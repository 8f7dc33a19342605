"""What the shop does with an order, from the order's page: ship it, refund it.

Like placing it, each is one commit with its webhooks; the workers are woken after it.
"""

from datetime import UTC, datetime

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.errors import Problem
from shop.database.models import Order
from shop.orders.fulfilment import InvalidOrderState, OrderUpdate, refund, ship
from shop.redis.change_feed import Change, ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.vocabulary import EndpointStatus, EventType
from shop.web.dependencies import TheDatabase, TheFeed, TheWakeUps
from shop.web.lookups import no_such_order
from shop.webhooks.endpoints import registry


@post("/orders/{order_id:str}/ship", include_in_schema=False)
async def ship_order(
    database: TheDatabase, wake_ups: TheWakeUps, feed: TheFeed, order_id: FromPath[str]
) -> Redirect:
    """Ship the order and tell about it."""
    try:
        async with database.writing() as session:
            told = await ship(session, order_id, now=datetime.now(UTC))
    except InvalidOrderState as refusal:
        raise _refused(order_id, refusal) from None
    return await _back_to_order(told, order_id, wake_ups, feed)


@get("/orders/{order_id:str}/refund", include_in_schema=False)
async def confirm_refund(database: TheDatabase, order_id: FromPath[str]) -> Template:
    """Say what refunding will do, and ask: it cannot be undone."""
    async with database.reading() as session:
        order = await session.get(Order, order_id)
        standing = await registry.list_all(session)
    if order is None:
        raise no_such_order(order_id)
    if order.refunded_at:
        raise _refused(order_id, InvalidOrderState("this order was refunded before"))
    told = [
        endpoint
        for endpoint in standing
        if EventType.PURCHASE_REFUNDED in endpoint.event_types
        and endpoint.status is not EndpointStatus.DISABLED
    ]
    return Template("shop/orders/refund.html", context={"order": order, "told": len(told)})


@post("/orders/{order_id:str}/refund", include_in_schema=False)
async def refund_order(
    database: TheDatabase, wake_ups: TheWakeUps, feed: TheFeed, order_id: FromPath[str]
) -> Redirect:
    """Give the money back and tell about it."""
    try:
        async with database.writing() as session:
            told = await refund(session, order_id, now=datetime.now(UTC))
    except InvalidOrderState as refusal:
        raise _refused(order_id, refusal) from None
    return await _back_to_order(told, order_id, wake_ups, feed)


async def _back_to_order(
    told: OrderUpdate | None, order_id: str, wake_ups: WakeUps, feed: ChangeFeed
) -> Redirect:
    if told is None:
        raise no_such_order(order_id)
    wake_ups.send(*told.delivery_ids)
    await feed.announce(Change("order", order_id))
    return Redirect(f"/orders/{order_id}", status_code=303)


def _refused(order_id: str, refusal: InvalidOrderState) -> Problem:
    return Problem(409, str(refusal), link=(f"/orders/{order_id}", "To the order"))
