"""The switch, and the notice on all pages that it is on."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, post
from litestar.response import Redirect, ServerSentEvent

from hookshop.webkit.access import LIVE_SUFFIX, may_manage
from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region, live_stream
from hookshop.webkit.security import safe_redirect_path
from shop.redis.change_feed import Change, ChangeFeed
from shop.web.dependencies import TheSteadyOrders
from shop.web.skipping.notice import notice_region

STATES = ("on", "off")
HOME = "/flow"

AnyRequest = Request[Any, Any, Any]


@post("/steady-orders", include_in_schema=False)
async def switch_steady_orders(
    request: AnyRequest, steady_orders: TheSteadyOrders
) -> Response[Any]:
    """Switch steady orders ``on`` or ``off``, and redirect to the page with the form."""
    form = await read_form(request)
    wanted = form.text("state")
    if wanted not in STATES:
        raise Problem(400, f"steady orders can be switched on or off, not {wanted!r}")
    await steady_orders.switch(on=wanted == "on")
    # 204: htmx leaves the page unchanged, so that animations continue. A browser loads it again.
    if "HX-Request" in request.headers:
        return Response(None, status_code=204)
    back = safe_redirect_path(form.text("back"), default=HOME)
    return Redirect(back, status_code=303)


def read_steady_orders(request: AnyRequest) -> datetime | None:
    """Return when steady orders end, for those who may stop them; None if they are off."""
    app = request.app
    if not may_manage(request, app.state.settings):
        return None
    ends_at: datetime | None = app.state.steady_orders.ends_at
    return ends_at


def page_address(request: AnyRequest) -> str:
    """Return the path and query of the page, also in its stream or in the response to a form."""
    if request.method != "GET":
        return HOME
    path = request.url.path.removesuffix(LIVE_SUFFIX)
    return f"{path}?{request.url.query}" if request.url.query else path


async def shop_stream(
    request: AnyRequest, feed: ChangeFeed, *regions: Region, template: str = "notice"
) -> ServerSentEvent:
    """Return the stream of a live page, with the notices of all pages.

    ``template``: ``switch`` on the page that has the switch, else ``notice``.
    """
    steady_orders = Region(
        "steady-orders", f"shop/steady_orders/_{template}.html", _nothing, _is_switch
    )
    return await live_stream(request, feed, *regions, steady_orders, notice_region())


async def _nothing() -> dict[str, Any]:
    """Return no context: the templates call ``read_steady_orders``."""
    return {}


def _is_switch(change: Change) -> bool:
    return change.kind == "steady-orders"
