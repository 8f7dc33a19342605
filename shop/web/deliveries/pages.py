"""The live delivery log. One delivery: ``delivery_page``. Bulk resend: ``bulk_retry``.

Rows must not move while a reader looks at them. So the page then switches to a stream that starts
at the row ``newest`` and only counts newer deliveries (``static/js/log.js``).
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.list_query import PERIOD_CHOICES
from hookshop.webkit.live import Region
from shop.database.transactions import Database
from shop.vocabulary import EventType
from shop.web.deliveries.log_query import LogQuery
from shop.web.deliveries.rows import read_rows
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.endpoint_names import endpoint_name
from shop.web.flash import read_resent_count
from shop.web.sandboxes.effective_settings import schedule_here
from shop.web.steady_orders.pages import shop_stream
from shop.webhooks.endpoints import registry
from shop.webhooks.queries.deliveries import count_by_state, count_newer, list_deliveries
from shop.webhooks.rules.retries import RetrySchedule

PAGE_SIZE = 25  # with six attempts each, a page has less than 150 kB
MAX_COUNTED = 1000  # newer deliveries; beyond this the exact number does not matter

AnyRequest = Request[Any, Any, Any]


@get("/deliveries", include_in_schema=False)
async def show_deliveries(
    request: AnyRequest, settings: TheSettings, database: TheDatabase
) -> Template:
    """Show the log, newest first, filtered by the query string."""
    query = LogQuery.read(request.query_params)
    context = await _log_region(database, query, schedule_here(request, settings)).read()
    async with database.reading() as session:
        registered = await registry.list_all(session)
    context["sent_again"] = read_resent_count(request.query_params)
    context["live_address"] = query.live_address()
    context["endpoint_choices"] = [("", "All endpoints")] + [
        (one.id, endpoint_name(one)) for one in registered
    ]
    context["event_type_choices"] = [("", "All events")] + [
        (one.value, one.value) for one in EventType
    ]
    context["period_choices"] = PERIOD_CHOICES
    return Template("shop/deliveries/deliveries.html", context=context)


@get("/deliveries/live", include_in_schema=False)
async def stream_deliveries(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, feed: TheFeed
) -> ServerSentEvent:
    """Stream the log, filtered by the same query string."""
    query = LogQuery.read(request.query_params)
    region = _log_region(database, query, schedule_here(request, settings))
    return await shop_stream(request, feed, region)


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
            # Count only if the counts are shown.
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

    # Every change can add or change a row.
    return Region("deliveries", "shop/deliveries/_log.html", read, lambda _change: True)
