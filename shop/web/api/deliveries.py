"""``/v1/deliveries`` and ``/v1/stats``: read the log, resend and cancel deliveries, read totals."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.datetime_input import in_utc
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.list_query import MAX_SEARCH_LENGTH, check_search
from hookshop.webkit.times import rfc3339
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    MinCount,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from shop.database.transactions import Database
from shop.redis.change_feed import Change
from shop.vocabulary import DeliveryState, EventType
from shop.web.api.delivery_documents import (
    DeliveryDocument,
    DeliveryWithAttempts,
    delivery_document,
    delivery_with_attempts,
    listed_delivery,
)
from shop.web.api.fields import Cents, Cursor, DeliveryId, Limit, NextCursor, WholeSecond
from shop.web.dependencies import TheActions, TheDatabase, TheFeed, TheSettings
from shop.web.lookups import no_such_delivery
from shop.webhooks.queries.deliveries import (
    DeliveryFilter,
    LogPage,
    find_delivery,
    list_with_links,
    read_stats,
)
from shop.webhooks.queries.sales import counted_from, read_sales

NOT_NOW = "it is being sent right now, or its endpoint is disabled or deleted"

# Litestar reserves the parameter name "state".
InState = Annotated[
    DeliveryState | None, QueryParameter(name="state", description="Only deliveries in this state.")
]
OfEndpoint = Annotated[str | None, QueryParameter(description="Only deliveries to this endpoint.")]
OfType = Annotated[EventType | None, QueryParameter(description="Only events of this type.")]
OfMessage = Annotated[str | None, QueryParameter(description="Only deliveries of this message.")]
OfOrder = Annotated[str | None, QueryParameter(description="Only deliveries about this order.")]
Search = Annotated[
    str | None,
    QueryParameter(
        max_length=MAX_SEARCH_LENGTH,
        description="An id, its first or last digits, or a part of the endpoint's URL.",
    ),
]
Since = Annotated[
    Annotated[datetime, Meta(tz=True, examples=["2026-11-23T12:00:00Z"])] | None,
    QueryParameter(
        description="Count only orders and refunds whose event has a `date` at or after this time."
    ),
]


class DeliveryList(Struct):
    """One page of the log. ``satisfied``: only in responses to calls that wait."""

    data: list[DeliveryDocument]
    next_cursor: NextCursor
    satisfied: Satisfied | UnsetType = UNSET


class DeliveryCounts(Struct):
    """The number of deliveries in each state."""

    pending: int
    sending: int
    succeeded: int
    failed: int
    cancelled: int


class StatsDocument(Struct):
    """Totals.

    Orders and money: since ``since``, or all. ``revenue_cents``: net, ``gross_cents`` minus
    ``refunded_cents``. ``earlier_cents``: net revenue before ``since``. ``deliveries``: the number
    in each state, to all endpoints or to ``endpoint_id``, regardless of ``since``.
    """

    orders: int
    gross_cents: Cents
    refunded_cents: Annotated[int, Meta(examples=[0])]
    revenue_cents: Cents
    since: WholeSecond | None
    earlier_cents: Annotated[int, Meta(examples=[0])]
    deliveries: DeliveryCounts


@get("/deliveries", operation_id="listDeliveries", responses=problems(TIMED_OUT))
async def list_deliveries_as_json(  # noqa: PLR0913 – one parameter for each part of the query string
    *,
    request: Request[Any, Any, Any],
    database: TheDatabase,
    feed: TheFeed,
    in_state: InState = None,
    endpoint_id: OfEndpoint = None,
    event_type: OfType = None,
    message_id: OfMessage = None,
    order_id: OfOrder = None,
    q: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    min_count: MinCount = None,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> DeliveryList:
    """Return one page of deliveries, newest first. ``next_cursor`` leads to the next page.

    With ``wait`` or ``min_count``, wait until that many deliveries match, and return ``satisfied``.
    """
    wanted = DeliveryFilter(
        in_state, endpoint_id, event_type, message_id, check_search(q), order_id=order_id
    )
    asked = Wait.read(wait, min_count, strict=strict)

    async def read() -> DeliveryList:
        return await _read_page(database, wanted, asked, limit=limit, cursor=cursor)

    if asked is None:
        return await read()
    enough = Condition(
        read,
        lambda _: asked.too_few("deliveries"),
        lambda change: order_id is None or _may_concern_order(change, order_id),
    )
    return await wait_until_satisfied(request, feed, asked, enough)


async def _read_page(
    database: Database,
    wanted: DeliveryFilter,
    asked: Wait | None,
    *,
    limit: int,
    cursor: str | None,
) -> DeliveryList:
    """Return one page, and whether as many match as ``asked`` waits for."""
    at_least = asked.min_count if asked else 0
    async with database.reading() as session:
        found = await list_with_links(session, wanted, limit=max(limit, at_least), cursor=cursor)
    shown = LogPage.of(found.rows, limit) if len(found.rows) > limit else found
    return DeliveryList(
        [listed_delivery(row) for row in shown.rows],
        shown.next_cursor,
        len(found.rows) >= at_least if asked else UNSET,
    )


def _may_concern_order(change: Change, order_id: str) -> bool:
    # A changed order may have new deliveries, and a changed endpoint cancelled ones.
    return change.kind == "endpoint" or order_id in {change.order_id, change.id}


@get("/deliveries/{delivery_id:str}")
async def get_delivery(
    delivery_id: FromPath[DeliveryId], database: TheDatabase, settings: TheSettings
) -> DeliveryWithAttempts:
    """Return a delivery with all its requests and responses."""
    async with database.reading() as session:
        found = await find_delivery(session, delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    return delivery_with_attempts(found)


@post(
    "/deliveries/{delivery_id:str}/attempts",
    status_code=202,
    responses=problems({409: "It is being sent, or its endpoint is disabled or deleted."}),
)
async def resend_delivery(
    delivery_id: FromPath[DeliveryId], actions: TheActions, settings: TheSettings
) -> DeliveryDocument:
    """Resend a delivery now, whatever its state."""
    found, is_due = await actions.resend(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_due:
        raise Problem(409, NOT_NOW)
    return delivery_document(found)


@post(
    "/deliveries/{delivery_id:str}/cancel",
    status_code=200,
    responses=problems({409: "It is not pending."}),
)
async def cancel_delivery(
    delivery_id: FromPath[DeliveryId], actions: TheActions, settings: TheSettings
) -> DeliveryDocument:
    """Cancel a pending delivery."""
    found, is_cancelled = await actions.cancel(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_cancelled:
        raise Problem(409, f"only what is pending can be cancelled; it is {found.delivery.state}")
    return delivery_document(found)


@get("/stats")
async def get_stats(
    database: TheDatabase, since: Since = None, endpoint_id: OfEndpoint = None
) -> StatsDocument:
    """Return totals of orders and money, and the number of deliveries in each state.

    ``since`` needs a time zone, as in ``2026-11-23T12:00:00Z``, and is rounded up to a second.
    ``endpoint_id`` counts only deliveries to this endpoint; orders and money are those of all.
    """
    counted_since = None if since is None else counted_from(in_utc(since))
    async with database.reading() as session:
        stats = await read_stats(session, endpoint_id)
        sales = await read_sales(session, since=counted_since) if counted_since else stats.sales
    return StatsDocument(
        orders=sales.orders,
        gross_cents=sales.gross_cents,
        refunded_cents=sales.refunded_cents,
        revenue_cents=sales.revenue_cents,
        since=rfc3339(counted_since) if counted_since else None,
        earlier_cents=stats.revenue_cents - sales.revenue_cents,
        deliveries=DeliveryCounts(
            **{state.value: stats.deliveries[state] for state in DeliveryState}
        ),
    )
