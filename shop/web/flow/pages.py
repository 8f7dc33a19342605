"""The page of the flow, live, and its buttons that place orders as a customer would."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, ServerSentEvent, Template

from hookshop.webkit.errors import Problem
from hookshop.webkit.forms import read_form
from shop.announcements import Change, ChangeFeed
from shop.catalog import CATALOG
from shop.database import Database
from shop.heartbeats import Heartbeats
from shop.orders import Item, PlacedOrder, place_order
from shop.redis.wake_ups import WakeUps
from shop.web.dependencies import TheDatabase, TheFeed, TheHeartbeats, TheWakeUps
from shop.web.flow.picture import draw
from shop.web.flow.reading import EngineGauge, read_facts
from shop.web.live import Region, live_stream

AT_ONCE = (1, 20)  # how many orders the buttons place
CUSTOMER_NAME = "Somebody in the audience"
# Nobody announces that Redis went away or that a worker died: one has to look.
LOOK_EVERY_SECONDS = 1.0

AnyRequest = Request[Any, Any, Any]


@get("/flow", include_in_schema=False)
async def show_flow(
    database: TheDatabase, wake_ups: TheWakeUps, heartbeats: TheHeartbeats
) -> Template:
    """The picture as of now."""
    context = await _region(database, wake_ups, heartbeats).read()
    return Template("shop/flow/flow.html", context=context | {"at_once": AT_ONCE})


@get("/flow/live", include_in_schema=False)
async def stream_flow(
    request: AnyRequest,
    database: TheDatabase,
    wake_ups: TheWakeUps,
    heartbeats: TheHeartbeats,
    feed: TheFeed,
) -> ServerSentEvent:
    """The picture, kept up to date."""
    return await live_stream(request, feed, _region(database, wake_ups, heartbeats))


@post("/flow/orders", include_in_schema=False)
async def buy(
    request: AnyRequest, database: TheDatabase, wake_ups: TheWakeUps, feed: TheFeed
) -> Response[Any]:
    """Place ``count`` orders, each of one product, beginning with any."""
    typed = (await read_form(request)).text("count")
    if typed not in map(str, AT_ONCE):
        raise Problem(400, f"{typed!r} is not a number of orders that can be placed at once")
    for item in _something(int(typed)):
        await _place(item, database, wake_ups, feed)
    # htmx leaves the page alone, so that whoever travels goes on; a browser shows it anew.
    if "HX-Request" in request.headers:
        return Response(None, status_code=204)
    return Redirect("/flow", status_code=303)


async def _place(
    item: Item, database: Database, wake_ups: WakeUps, feed: ChangeFeed
) -> PlacedOrder:
    """As the storefront's checkout does it: one commit for each order, then the wake-up."""
    async with database.writing() as session:
        placed = await place_order(session, [item], CUSTOMER_NAME, now=datetime.now(UTC))
    wake_ups.send()
    await feed.announce(Change("order", placed.order.id))
    return placed


def _something(count: int) -> Iterator[Item]:
    first = secrets.randbelow(len(CATALOG))
    for place in range(first, first + count):
        yield Item(CATALOG[place % len(CATALOG)].id, quantity=1)


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
        lambda _change: True,  # whatever happens, happens somewhere in the picture
        look_every_seconds=LOOK_EVERY_SECONDS,
    )
