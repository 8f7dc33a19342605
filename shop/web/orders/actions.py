"""Actions on one order: ship and refund."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from shop.database.models import Order
from shop.orders.fulfilment import InvalidOrderState, OrderUpdate
from shop.vocabulary import EndpointStatus, EventType
from shop.web.dependencies import TheActions, TheDatabase
from shop.web.lookups import no_such_order
from shop.webhooks.endpoints import registry

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@post("/orders/{order_id:str}/ship", include_in_schema=False)
@once_per_form
async def ship_order(
    request: AnyRequest,  # noqa: ARG001 – for @once_per_form
    actions: TheActions,
    order_id: FromPath[str],
) -> AnyResponse:
    """Ship the order and notify subscribers."""
    try:
        update = await actions.ship(order_id)
    except InvalidOrderState as refusal:
        raise _refused(order_id, refusal) from None
    return _back_to_order(update, order_id)


@get("/orders/{order_id:str}/refund", include_in_schema=False)
async def confirm_refund(database: TheDatabase, order_id: FromPath[str]) -> Template:
    """Explain what refunding will do, and ask for confirmation, because it cannot be undone."""
    async with database.reading() as session:
        order = await session.get(Order, order_id)
        registered = await registry.list_all(session)
    if order is None:
        raise no_such_order(order_id)
    if order.refunded_at:
        raise _refused(order_id, InvalidOrderState("this order was already refunded"))
    subscribers = [
        endpoint
        for endpoint in registered
        if EventType.PURCHASE_REFUNDED in endpoint.event_types
        and endpoint.status is not EndpointStatus.DISABLED
    ]
    context = {"order": order, "subscribers": len(subscribers)}
    return Template("shop/orders/refund.html", context=context)


@post("/orders/{order_id:str}/refund", include_in_schema=False)
@once_per_form
async def refund_order(
    request: AnyRequest,  # noqa: ARG001 – for @once_per_form
    actions: TheActions,
    order_id: FromPath[str],
) -> AnyResponse:
    """Refund the order and notify subscribers."""
    try:
        update = await actions.refund(order_id)
    except InvalidOrderState as refusal:
        raise _refused(order_id, refusal) from None
    return _back_to_order(update, order_id)


def _back_to_order(update: OrderUpdate | None, order_id: str) -> Redirect:
    if update is None:
        raise no_such_order(order_id)
    return Redirect(f"/orders/{order_id}", status_code=303)


def _refused(order_id: str, refusal: InvalidOrderState) -> Problem:
    return Problem(409, str(refusal), link=(f"/orders/{order_id}", "Open the order"))
