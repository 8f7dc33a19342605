"""The delivery log and the page of one delivery, both live.

What can be done with them: ``delivery_actions`` and ``bulk_retry``.
"""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from shop.database import Database
from shop.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.web.deliveries.attempts import view_attempts
from shop.web.deliveries.log_query import LogQuery
from shop.web.deliveries.timeline import build_timeline, summarise
from shop.web.deliveries.wire import body_text, pretty_json
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.found import no_such_delivery
from shop.web.live import Region, live_stream
from shop.web.sent_again import read_sent_again
from shop.webhooks import endpoints
from shop.webhooks.log import DeliveryFilter, find_delivery, list_deliveries, read_stats
from shop.webhooks.retries import RetrySchedule

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


@get("/deliveries/{delivery_id:str}", include_in_schema=False)
async def show_delivery(
    settings: TheSettings, database: TheDatabase, delivery_id: FromPath[str]
) -> Template:
    """One delivery with every attempt's request and response."""
    context = await _delivery_region(database, settings.retry_schedule, delivery_id).read()
    return Template("shop/deliveries/delivery.html", context=context)


@get("/deliveries/{delivery_id:str}/live", include_in_schema=False)
async def stream_delivery(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    feed: TheFeed,
    delivery_id: FromPath[str],
) -> ServerSentEvent:
    """The delivery, kept up to date."""
    region = _delivery_region(database, settings.retry_schedule, delivery_id)
    return await live_stream(request, feed, region)


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


def _delivery_region(database: Database, schedule: RetrySchedule, delivery_id: str) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_delivery(session, delivery_id)
            if found is None:
                raise no_such_delivery(delivery_id)
            of_message = DeliveryFilter(message_id=found.message.id)
            # One more than shown, since this delivery is among them.
            page = await list_deliveries(session, of_message, limit=MOST_SIBLINGS + 1)
        timeline = build_timeline(found.delivery, found.attempts, schedule)
        siblings = [row for row in page.rows if row.delivery.id != delivery_id]
        return {
            "delivery": found.delivery,
            "message": found.message,
            "order": found.order,
            "endpoint": found.endpoint,
            "siblings": siblings[:MOST_SIBLINGS],
            "more_siblings": len(siblings) > MOST_SIBLINGS or page.next_cursor is not None,
            "timeline": timeline,
            "summary": summarise(found.delivery, timeline),
            "attempts": view_attempts(found.attempts, found.message.body),
            "body": body_text(found.message.body),
            "pretty_body": pretty_json(found.message.body),
            "may_resend": _may_resend(found.delivery, found.endpoint),
            "may_cancel": found.delivery.state is DeliveryState.PENDING,
            "held_back_by": _held_back_by(found.delivery, found.endpoint),
        }

    # Any: another delivery's answer may have disabled the endpoint or opened its circuit breaker.
    # An equal page is not sent.
    return Region("delivery", "shop/deliveries/_delivery.html", read, lambda _change: True)


def _may_resend(delivery: Delivery, endpoint: Endpoint) -> bool:
    """Whether sending again would change anything: what waits for a paused endpoint goes on so."""
    reachable = endpoint.deleted_at is None and endpoint.status is not EndpointStatus.DISABLED
    waits_anyway = _held_back_by(delivery, endpoint) == EndpointStatus.PAUSED
    return reachable and not waits_anyway and delivery.state is not DeliveryState.SENDING


def _held_back_by(delivery: Delivery, endpoint: Endpoint) -> str:
    """What of its endpoint makes a delivery wait longer than its own next try, or nothing."""
    if delivery.state is not DeliveryState.PENDING:
        return ""
    if endpoint.status is not EndpointStatus.ACTIVE:
        return endpoint.status.value
    # What a person sends again does not wait for the circuit breaker.
    if endpoint.probe_at and delivery.next_trigger is Trigger.AUTOMATIC:
        return "breaker"
    return ""
