"""The live page of the flow, and its buttons that place orders as a customer would."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from hookshop.webkit.live import Region
from shop.database.transactions import Database
from shop.orders.catalog import CATALOG
from shop.orders.placing import Item
from shop.redis.heartbeats import Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.web.dependencies import TheActions, TheDatabase, TheFeed, TheHeartbeats, TheWakeUps
from shop.web.flow.picture import draw
from shop.web.flow.reader import EngineGauge, read_facts
from shop.web.state_labels import state_label
from shop.web.steady_orders.pages import shop_stream

ORDER_COUNTS = (1, 20)  # a button for each
CUSTOMER_NAME = "Audience"
# Polls, because the failure of Redis or of a worker is not announced.
POLL_INTERVAL_SECONDS = 1.0

# The states of a moving dot, for static/js/flow.js.
DOT_LABELS = {
    state: state_label(state)._asdict()
    for state in ("pending", "sending", "rejected", "succeeded", "failed")
}

AnyRequest = Request[Any, Any, Any]


@get("/flow", include_in_schema=False)
async def show_flow(
    database: TheDatabase, wake_ups: TheWakeUps, heartbeats: TheHeartbeats
) -> Template:
    """Show the picture as of now."""
    context = await _region(database, wake_ups, heartbeats).read()
    return Template(
        "shop/flow/flow.html",
        context=context | {"order_counts": ORDER_COUNTS, "dot_labels": DOT_LABELS},
    )


@get("/flow/live", include_in_schema=False)
async def stream_flow(
    request: AnyRequest,
    database: TheDatabase,
    wake_ups: TheWakeUps,
    heartbeats: TheHeartbeats,
    feed: TheFeed,
) -> ServerSentEvent:
    """Stream the picture whenever it changes."""
    return await shop_stream(
        request, feed, _region(database, wake_ups, heartbeats), template="switch"
    )


@post("/flow/orders", include_in_schema=False)
async def buy(request: AnyRequest, actions: TheActions) -> Response[Any]:
    """Place `count` orders of one product each, starting at a random product."""
    typed = (await read_form(request)).text("count")
    if typed not in map(str, ORDER_COUNTS):
        raise Problem(400, f"you can place 1 or 20 orders at once, not {typed!r}")
    for item in _items(int(typed)):
        await actions.place_order([item], CUSTOMER_NAME)
    # 204: htmx leaves the page unchanged, so that animations continue. A browser loads it again.
    if "HX-Request" in request.headers:
        return Response(None, status_code=204)
    return Redirect("/flow", status_code=303)


def _items(count: int) -> Iterator[Item]:
    first = secrets.randbelow(len(CATALOG))
    for index in range(first, first + count):
        yield Item(CATALOG[index % len(CATALOG)].id, quantity=1)


def _region(database: Database, wake_ups: WakeUps, heartbeats: Heartbeats) -> Region:
    gauge = EngineGauge(wake_ups, heartbeats)

    async def read() -> dict[str, Any]:
        engine = await gauge.read()
        async with database.reading() as session:
            facts = await read_facts(session, engine, now=datetime.now(UTC))
        return {"picture": draw(facts)}

    return Region(
        "flow",
        "shop/flow/_flow.html",
        read,
        lambda _change: True,  # every change can affect the picture
        poll_interval_seconds=POLL_INTERVAL_SECONDS,
    )
