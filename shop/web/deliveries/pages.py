"""The delivery log, live. One delivery: ``delivery_page``; what is done to many: ``bulk_retry``."""

from typing import Any

from litestar import Request, get
from litestar.response import ServerSentEvent, Template

from shop.database import Database
from shop.vocabulary import EventType
from shop.web.deliveries.log_query import LogQuery
from shop.web.dependencies import TheDatabase, TheFeed
from shop.web.live import Region, live_stream
from shop.web.sent_again import read_sent_again
from shop.webhooks import endpoints
from shop.webhooks.log import list_deliveries, read_stats

PAGE_SIZE = 50
MOST_SIBLINGS = 20  # further deliveries of the same message, on the page of one

AnyRequest = Request[Any, Any, Any]


@get("/deliveries", include_in_schema=False)
async def show_deliveries(request: AnyRequest, database: TheDatabase) -> Template:
    """The log, newest first, filtered by the address's query."""
    query = LogQuery.read(request.query_params)
    context = await _log_region(database, query).read()
    async with database.reading() as session:
        standing = await endpoints.list_all(session)
    context["sent_again"] = read_sent_again(request.query_params)
    context["live_address"] = query.address("/deliveries/live", cursor=query.cursor)
    context["endpoint_choices"] = [("", "any")] + [(one.id, one.webhook_url) for one in standing]
    context["event_type_choices"] = [("", "any")] + [(one.value, one.value) for one in EventType]
    return Template("shop/deliveries/deliveries.html", context=context)


@get("/deliveries/live", include_in_schema=False)
async def stream_deliveries(
    request: AnyRequest, database: TheDatabase, feed: TheFeed
) -> ServerSentEvent:
    """The log, kept up to date; takes the same query."""
    query = LogQuery.read(request.query_params)
    return await live_stream(request, feed, _log_region(database, query))


def _log_region(database: Database, query: LogQuery) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            page = await list_deliveries(
                session, query.filter, limit=PAGE_SIZE, cursor=query.cursor
            )
            stats = await read_stats(session)
        return {
            "rows": page.rows,
            "query": query,
            "tabs": query.tabs(stats.deliveries),
            "newest_address": query.address() if query.cursor else None,
            "older_address": query.address(cursor=page.next_cursor) if page.next_cursor else None,
            "retry_address": query.address("/deliveries/retry") if page.rows else None,
        }

    # Anything announced can add a row or change one.
    return Region("deliveries", "shop/deliveries/_log.html", read, lambda _change: True)
