"""The page of purchases: the state of each order."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region, live_stream
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.purchases import list_purchases
from subscriber_app.web.dependencies import TheDatabase, TheFeed, TheMissions
from subscriber_app.web.faults import fault_banner
from subscriber_app.web.missions.strip import mission_strip

PAGE_SIZE = 50

AnyRequest = Request[Any, Any, Any]


@get("/purchases", include_in_schema=False)
async def show_purchases(request: AnyRequest, database: TheDatabase) -> Template:
    """Show every order with an event, newest first."""
    cursor = request.query_params.get("cursor", "")
    context = await _region(database, cursor).read()
    context["live_address"] = _address("/purchases/live", cursor)
    return Template("subscriber/purchases/purchases.html", context=context)


@get("/purchases/live", include_in_schema=False)
async def stream_purchases(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, missions: TheMissions
) -> ServerSentEvent:
    """Stream the region of the same page."""
    region = _region(database, request.query_params.get("cursor", ""))
    return await live_stream(request, feed, region, fault_banner(), mission_strip(missions))


def _region(database: Database, cursor: str) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            page = await list_purchases(session, limit=PAGE_SIZE, cursor=cursor)
        return {
            "purchases": page.purchases,
            "newest_address": "/purchases" if cursor else None,
            "older_address": page.next_cursor and _address("/purchases", page.next_cursor),
        }

    return Region("purchases", "subscriber/purchases/_purchases.html", read)


def _address(path: str, cursor: str) -> str:
    return f"{path}?{urlencode({'cursor': cursor})}" if cursor else path
