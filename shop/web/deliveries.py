"""The delivery log and the page of one delivery, both live; and "send again"."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template

from shop.announcements import Change
from shop.database import Database
from shop.vocabulary import DeliveryState, EventType
from shop.web.attempts import view_attempts
from shop.web.dependencies import TheDatabase, TheFeed, TheQueue
from shop.web.errors import Problem
from shop.web.live import Region, live_stream
from shop.web.log_query import LogQuery
from shop.web.wire import body_text, pretty_json
from shop.webhooks import endpoints
from shop.webhooks.by_hand import resend
from shop.webhooks.log import find_delivery, list_deliveries, read_stats

PAGE_SIZE = 50

AnyRequest = Request[Any, Any, Any]


@get("/deliveries", include_in_schema=False)
async def show_deliveries(request: AnyRequest, database: TheDatabase) -> Template:
    """The log, newest first, filtered by the address's query."""
    query = LogQuery.read(request.query_params)
    context = await _log_region(database, query).read()
    async with database.reading() as session:
        standing = await endpoints.list_all(session)
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


@post("/deliveries/{delivery_id:str}/attempts", include_in_schema=False)
async def send_again(
    database: TheDatabase, queue: TheQueue, feed: TheFeed, delivery_id: FromPath[str]
) -> Redirect:
    """Make the next attempt now, whatever came of the ones before."""
    async with database.writing() as session:
        found = await find_delivery(session, delivery_id)
        due = await resend(session, delivery_id, now=datetime.now(UTC))
    if found is None:
        raise _no_such_delivery(delivery_id)
    if not due:
        raise Problem(409, "the delivery is being sent right now, or its endpoint is deleted")
    change = Change("delivery", delivery_id, order_id=found.message.order_id)
    await asyncio.gather(queue.wake([delivery_id]), feed.announce(change))
    return Redirect(f"/deliveries/{delivery_id}", status_code=303)


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
        }

    # Anything announced can add a row or change one.
    return Region("deliveries", "shop/deliveries/_log.html", read, lambda _change: True)


def _delivery_region(database: Database, delivery_id: str) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_delivery(session, delivery_id)
        if found is None:
            raise _no_such_delivery(delivery_id)
        return {
            "delivery": found.delivery,
            "message": found.message,
            "order": found.order,
            "endpoint": found.endpoint,
            "attempts": view_attempts(found.attempts),
            "body": body_text(found.message.body),
            "pretty_body": pretty_json(found.message.body),
            "may_resend": found.delivery.state != DeliveryState.SENDING
            and found.endpoint.deleted_at is None,
        }

    def concerns(change: Change) -> bool:
        return change.id == delivery_id or change.kind == "endpoint"

    return Region("delivery", "shop/deliveries/_delivery.html", read, concerns)


def _no_such_delivery(delivery_id: str) -> NotFoundException:
    return NotFoundException(f"there is no delivery {delivery_id!r}")
