"""``/v1/deliveries`` and ``/v1/stats``: read the log, resend and cancel deliveries, read totals."""

from datetime import datetime
from typing import Annotated, Any

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from hookshop.webkit.datetime_input import in_utc
from hookshop.webkit.errors import Problem
from hookshop.webkit.list_query import check_search
from hookshop.webkit.times import rfc3339
from shop.database.models import Delivery
from shop.vocabulary import DeliveryState, EventType
from shop.web.api.attempts import AttemptDocument, attempt_document, rfc3339_ms_or_none
from shop.web.dependencies import TheActions, TheDatabase, TheSettings
from shop.web.lookups import no_such_delivery
from shop.webhooks.queries.deliveries import (
    MAX_PAGE_SIZE,
    DeliveryFilter,
    find_delivery,
    list_deliveries,
    read_stats,
)
from shop.webhooks.queries.sales import counted_from, read_sales

NOT_NOW = "it is being sent right now, or its endpoint is disabled or deleted"

# Litestar reserves the parameter name "state".
InState = Annotated[DeliveryState | None, QueryParameter(name="state")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE)]


class DeliveryDocument(Struct):
    """A delivery in the log."""

    id: str
    message_id: str
    order_id: str | None
    endpoint_id: str
    event_type: str
    state: str
    attempt_count: int
    next_attempt_at: str | None
    last_status: int | None
    last_error: str | None
    created_at: str
    completed_at: str | None


class DeliveryWithAttempts(DeliveryDocument):
    """A delivery and all its attempts, oldest first."""

    attempts: list[AttemptDocument]


class DeliveryList(Struct):
    """One page of the log."""

    data: list[DeliveryDocument]
    next_cursor: str | None


class StatsDocument(Struct):
    """Totals.

    Orders and money: since ``since``, or all. ``revenue_cents``: net, ``gross_cents`` minus
    ``refunded_cents``. ``earlier_cents``: net revenue before ``since``. ``deliveries``: the number
    in each state, regardless of ``since``.
    """

    orders: int
    gross_cents: int
    refunded_cents: int
    revenue_cents: int
    since: str | None
    earlier_cents: int
    deliveries: dict[str, int]


@get("/deliveries")
async def list_deliveries_as_json(  # noqa: PLR0913 – one parameter for each filter of the query string
    *,
    database: TheDatabase,
    in_state: InState = None,
    endpoint_id: FromQuery[str | None] = None,
    event_type: FromQuery[EventType | None] = None,
    message_id: FromQuery[str | None] = None,
    q: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: FromQuery[str | None] = None,
) -> DeliveryList:
    """Return one page of deliveries, newest first. ``next_cursor`` leads to the next page."""
    wanted = DeliveryFilter(in_state, endpoint_id, event_type, message_id, check_search(q))
    async with database.reading() as session:
        page = await list_deliveries(session, wanted, limit=limit, cursor=cursor)
    return DeliveryList(
        [_document(row.delivery, row.order_id) for row in page.rows], page.next_cursor
    )


@get("/deliveries/{delivery_id:str}")
async def get_delivery(
    delivery_id: FromPath[str], database: TheDatabase, settings: TheSettings
) -> DeliveryWithAttempts:
    """Return a delivery with all its requests and responses."""
    async with database.reading() as session:
        found = await find_delivery(session, delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    attempts = [attempt_document(attempt, found.message) for attempt in found.attempts]
    return DeliveryWithAttempts(
        **_fields(found.delivery, found.message.order_id), attempts=attempts
    )


@post("/deliveries/{delivery_id:str}/attempts", status_code=202)
async def post_attempt(
    delivery_id: FromPath[str], actions: TheActions, settings: TheSettings
) -> DeliveryDocument:
    """Resend a delivery now. 409: it is being sent, or its endpoint is disabled or deleted."""
    found, is_due = await actions.resend(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_due:
        raise Problem(409, NOT_NOW)
    return _document(found.delivery, found.message.order_id)


@post("/deliveries/{delivery_id:str}/cancel", status_code=200)
async def cancel_delivery(
    delivery_id: FromPath[str], actions: TheActions, settings: TheSettings
) -> DeliveryDocument:
    """Cancel a waiting delivery. 409: it does not wait."""
    found, is_cancelled = await actions.cancel(delivery_id)
    if found is None:
        raise no_such_delivery(delivery_id, settings)
    if not is_cancelled:
        raise Problem(409, f"only what is pending can be cancelled; it is {found.delivery.state}")
    return _document(found.delivery, found.message.order_id)


@get("/stats")
async def get_stats(
    database: TheDatabase, since: FromQuery[datetime | None] = None
) -> StatsDocument:
    """Return totals of orders and money, and the number of deliveries in each state.

    ``since``: count only orders and refunds whose event has a ``date`` at or after this time, such
    as ``2026-11-23T12:00:00Z``. It is rounded up to the next whole second.
    """
    counted_since = None if since is None else counted_from(in_utc(since))
    async with database.reading() as session:
        stats = await read_stats(session)
        sales = await read_sales(session, since=counted_since) if counted_since else stats.sales
    return StatsDocument(
        orders=sales.orders,
        gross_cents=sales.gross_cents,
        refunded_cents=sales.refunded_cents,
        revenue_cents=sales.revenue_cents,
        since=rfc3339(counted_since) if counted_since else None,
        earlier_cents=stats.revenue_cents - sales.revenue_cents,
        deliveries={state.value: count for state, count in stats.deliveries.items()},
    )


def _document(delivery: Delivery, order_id: str | None) -> DeliveryDocument:
    return DeliveryDocument(**_fields(delivery, order_id))


def _fields(delivery: Delivery, order_id: str | None) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "message_id": delivery.message_id,
        "order_id": order_id,
        "endpoint_id": delivery.endpoint_id,
        "event_type": delivery.event_type,
        "state": delivery.state,
        "attempt_count": delivery.attempt_count,
        "next_attempt_at": rfc3339_ms_or_none(delivery.next_attempt_at),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": rfc3339_ms_or_none(delivery.created_at),
        "completed_at": rfc3339_ms_or_none(delivery.completed_at),
    }
