"""Actions on one delivery: resend and cancel."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath
from litestar.response import Redirect

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from shop.vocabulary import DeliveryState
from shop.web.deliveries.log_query import LogQuery
from shop.web.dependencies import TheActions, TheSettings
from shop.web.lookups import no_such_delivery
from shop.webhooks.queries.deliveries import DeliveryDetail


@post("/deliveries/{delivery_id:str}/attempts", include_in_schema=False)
@once_per_form
async def send_again(
    request: Request[Any, Any, Any],
    settings: TheSettings,
    actions: TheActions,
    delivery_id: FromPath[str],
) -> Response[Any]:
    """Resend the delivery now, in any state but ``sending``.

    The form field ``log``, if sent, is the query of the log to which to redirect.
    """
    from_log = (await read_form(request)).texts("log")
    return_address = f"/deliveries/{delivery_id}"
    if from_log:
        return_address = LogQuery.parse(from_log[0]).row_address(delivery_id)
    found, is_due = await actions.resend(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_due:
        raise _cannot_resend(found)
    return Redirect(return_address, status_code=303)


@post("/deliveries/{delivery_id:str}/cancel", include_in_schema=False)
async def cancel_waiting(
    settings: TheSettings, actions: TheActions, delivery_id: FromPath[str]
) -> Redirect:
    """Cancel a waiting delivery. It can be resent later."""
    found, is_cancelled = await actions.cancel(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_cancelled:
        raise Problem(
            409,
            f"only a pending delivery can be cancelled; this one is {found.delivery.state}",
            link=(f"/deliveries/{delivery_id}", "Open the delivery"),
        )
    return Redirect(f"/deliveries/{delivery_id}", status_code=303)


def _cannot_resend(found: DeliveryDetail) -> Problem:
    to_delivery = (f"/deliveries/{found.delivery.id}", "Open the delivery")
    if found.endpoint.deleted_at:
        return Problem(
            409, "the delivery cannot be resent: its endpoint is deleted", link=to_delivery
        )
    if found.delivery.state is DeliveryState.SENDING:
        return Problem(409, "the delivery is in flight; wait for its response", link=to_delivery)
    return Problem(
        409,
        "its endpoint is disabled; enable it, then resend the delivery",
        link=(f"/endpoints/{found.endpoint.id}", "Open the endpoint"),
    )
