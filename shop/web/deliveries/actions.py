"""Actions on one delivery: resend and cancel."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, post
from litestar.params import FromPath
from litestar.response import Redirect

from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from shop.redis.change_feed import Change
from shop.vocabulary import DeliveryState
from shop.web.deliveries.log_query import LogQuery
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings, TheWakeUps
from shop.web.lookups import no_such_delivery
from shop.webhooks.manual_actions import cancel, resend
from shop.webhooks.queries.deliveries import DeliveryDetail, find_delivery


@post("/deliveries/{delivery_id:str}/attempts", include_in_schema=False)
async def send_again(  # noqa: PLR0913, PLR0917 – dependencies by name
    request: Request[Any, Any, Any],
    settings: TheSettings,
    database: TheDatabase,
    wake_ups: TheWakeUps,
    feed: TheFeed,
    delivery_id: FromPath[str],
) -> Redirect:
    """Resend the delivery now, in any state but ``sending``.

    The form field ``log``, if sent, is the query of the log to which to redirect.
    """
    from_log = (await read_form(request)).texts("log")
    return_address = f"/deliveries/{delivery_id}"
    if from_log:
        return_address = LogQuery.parse(from_log[0]).row_address(delivery_id)
    async with database.writing() as session:
        found = await find_delivery(session, delivery_id)
        due = await resend(session, delivery_id, now=datetime.now(UTC))
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not due:
        raise _not_sent_again(found)
    change = Change("delivery", delivery_id, order_id=found.message.order_id)
    wake_ups.send(delivery_id)
    await feed.announce(change)
    return Redirect(return_address, status_code=303)


@post("/deliveries/{delivery_id:str}/cancel", include_in_schema=False)
async def cancel_waiting(
    settings: TheSettings, database: TheDatabase, feed: TheFeed, delivery_id: FromPath[str]
) -> Redirect:
    """Cancel a waiting delivery. It can be resent later."""
    async with database.writing() as session:
        cancelled = await cancel(session, delivery_id, now=datetime.now(UTC))
        found = await find_delivery(session, delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not cancelled:
        raise Problem(
            409,
            f"only a delivery that waits can be cancelled, and this one is {found.delivery.state}",
            link=(f"/deliveries/{delivery_id}", "To the delivery"),
        )
    await feed.announce(Change("delivery", delivery_id, order_id=found.message.order_id))
    return Redirect(f"/deliveries/{delivery_id}", status_code=303)


def _not_sent_again(found: DeliveryDetail) -> Problem:
    to_delivery = (f"/deliveries/{found.delivery.id}", "To the delivery")
    if found.endpoint.deleted_at:
        return Problem(409, "nothing can be sent, since its endpoint is deleted", link=to_delivery)
    if found.delivery.state is DeliveryState.SENDING:
        return Problem(
            409, "the delivery is being sent right now; see what comes of it", link=to_delivery
        )
    return Problem(
        409,
        "its endpoint is disabled; enable it first, then send this again",
        link=(f"/endpoints/{found.endpoint.id}", "To the endpoint"),
    )
