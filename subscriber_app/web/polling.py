"""The page that sets polling and webhooks side by side."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region, live_stream
from subscriber_app.explaining.two_ways import read_seen_orders
from subscriber_app.parts import SubscriberParts
from subscriber_app.shop_api.poller import INTERVAL_SECONDS
from subscriber_app.web.dependencies import TheParts
from subscriber_app.web.faults import fault_banner
from subscriber_app.web.missions.strip import mission_strip

STATES = ("on", "off")

AnyRequest = Request[Any, Any, Any]


@get("/polling", include_in_schema=False)
async def show_polling(parts: TheParts) -> Template:
    """Show each purchase with the delay of both ways, and how many requests they took."""
    context = await _region(parts).read()
    return Template("subscriber/polling/polling.html", context=context)


@get("/polling/live", include_in_schema=False)
async def stream_polling(request: AnyRequest, parts: TheParts) -> ServerSentEvent:
    """Stream the same page."""
    strip = mission_strip(parts.missions)
    return await live_stream(request, parts.feed, _region(parts), fault_banner(), strip)


@post("/polling", include_in_schema=False)
async def switch_polling(request: AnyRequest, parts: TheParts) -> Redirect:
    """Switch polling ``on`` or ``off``."""
    state = (await read_form(request)).text("state")
    if state not in STATES:
        raise Problem(422, f"polling can be switched on or off, not {state!r}")
    await (parts.poller.switch_on() if state == "on" else parts.poller.switch_off())
    return Redirect("/polling", status_code=303)


def _region(parts: SubscriberParts) -> Region:
    async def read() -> dict[str, Any]:
        period = await parts.poller.current()
        orders = []
        if period:
            async with parts.database.reading() as session:
                orders = await read_seen_orders(session, period.started_at)
        return {
            "period": period,
            "is_on": await parts.poller.is_on(),
            "orders": orders,
            "webhooks": sum(each.received_at is not None for each in orders),
            "interval_seconds": INTERVAL_SECONDS,
        }

    return Region("polling", "subscriber/polling/_polling.html", read)
