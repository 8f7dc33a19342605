"""The delivery log, live. One delivery: ``delivery_page``; what is done to many: ``bulk_retry``.

A reader who is looking at rows does not want them to move. Such a page asks for a stream of its
own, from ``newest`` on downwards, which says how many have come since (``static/js/log.js``).
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.list_query import PERIOD_CHOICES
from hookshop.webkit.live import Region, live_stream
from shop.database.transactions import Database
from shop.vocabulary import EventType
from shop.web.deliveries.log_query import LogQuery
from shop.web.deliveries.rows import read_rows
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.flash import read_sent_again
from shop.webhooks.endpoints import registry
from shop.webhooks.queries.deliveries import count_by_state, count_newer, list_deliveries
from shop.webhooks.rules.retries import RetrySchedule

PAGE_SIZE = 30  # with six attempts each they still load in 150 kB
MAX_COUNTED = 1000  # newer deliveries: beyond it, nobody cares how many exactly

AnyRequest = Request[Any, Any, Any]


@get("/deliveries", include_in_schema=False)
async def show_deliveries(
    request: AnyRequest, settings: TheSettings, database: TheDatabase
) -> Template:
    """The log, newest first, filtered by the address's query."""
    query = LogQuery.read(request.query_params)
    context = await _log_region(database, query, settings.retry_schedule).read()
    async with database.reading() as session:
        standing = await registry.list_all(session)
    context["sent_again"] = read_sent_again(request.query_params)
    context["live_address"] = query.live_address()
    context["endpoint_choices"] = [("", "any")] + [(one.id, one.webhook_url) for one in standing]
    context["event_type_choices"] = [("", "any")] + [(one.value, one.value) for one in EventType]
    context["period_choices"] = PERIOD_CHOICES
    return Template("shop/deliveries/deliveries.html", context=context)


@get("/deliveries/live", include_in_schema=False)
async def stream_deliveries(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, feed: TheFeed
) -> ServerSentEvent:
    """The log, kept up to date; takes the same query."""
    query = LogQuery.read(request.query_params)
    region = _log_region(database, query, settings.retry_schedule)
    return await live_stream(request, feed, region)


def _log_region(database: Database, query: LogQuery, schedule: RetrySchedule) -> Region:
    async def read() -> dict[str, Any]:
        wanted = query.filter(datetime.now(UTC))
        async with database.reading() as session:
            page = await list_deliveries(
                session,
                wanted,
                limit=PAGE_SIZE,
                cursor=query.cursor or None,
                newest=query.newest or None,
            )
            rows = await read_rows(session, page.rows, schedule)
            # What takes longer the more there is, only where it is shown.
            counts = {} if query.is_narrow else await count_by_state(session)
            newer = 0
            if query.newest:
                newer = await count_newer(session, wanted, than=query.newest, most=MAX_COUNTED)
        return {
            "rows": rows,
            "query": query,
            "tabs": query.tabs(counts),
            "newer": newer,
            "newer_is_more": newer == MAX_COUNTED,
            "newest_address": query.address() if query.cursor else None,
            "older_address": query.address(cursor=page.next_cursor) if page.next_cursor else None,
            "retry_address": query.address("/deliveries/retry") if rows else None,
        }

    # Anything announced can add a row or change one.
    return Region("deliveries", "shop/deliveries/_log.html", read, lambda _change: True)
