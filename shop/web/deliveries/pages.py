"""The page of one delivery, live. What can be done with it: ``actions``."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from shop.database import Database
from shop.vocabulary import DeliveryState
from shop.web.deliveries.attempts import view_attempts
from shop.web.deliveries.holding import held_back_by, may_resend
from shop.web.deliveries.wire import body_text, pretty_json
from shop.web.dependencies import TheDatabase, TheFeed
from shop.web.found import no_such_delivery
from shop.web.live import Region, live_stream
from shop.webhooks.log import find_delivery

AnyRequest = Request[Any, Any, Any]


@get("/deliveries/{delivery_id:str}", include_in_schema=False)
async def show_delivery(database: TheDatabase, delivery_id: FromPath[str]) -> Template:
    """One delivery with every attempt's request and response."""
    context = await _delivery_region(database, delivery_id).read()
    return Template("shop/deliveries/delivery.html", context=context)


@get("/deliveries/{delivery_id:str}/live", include_in_schema=False)
async def stream_delivery(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, delivery_id: FromPath[str]
) -> ServerSentEvent:
    """The delivery, kept up to date."""
    return await live_stream(request, feed, _delivery_region(database, delivery_id))


def _delivery_region(database: Database, delivery_id: str) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_delivery(session, delivery_id)
        if found is None:
            raise no_such_delivery(delivery_id)
        return {
            "delivery": found.delivery,
            "message": found.message,
            "order": found.order,
            "endpoint": found.endpoint,
            "attempts": view_attempts(found.attempts),
            "body": body_text(found.message.body),
            "pretty_body": pretty_json(found.message.body),
            "may_resend": may_resend(found.delivery, found.endpoint),
            "may_cancel": found.delivery.state is DeliveryState.PENDING,
            "held_back_by": held_back_by(found.delivery, found.endpoint),
        }

    # Any: another delivery's answer may have disabled the endpoint or opened its circuit breaker.
    # An equal page is not sent.
    return Region("delivery", "shop/deliveries/_delivery.html", read, lambda _change: True)
