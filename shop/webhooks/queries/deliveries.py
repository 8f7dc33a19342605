"""Reads the delivery log.

Pagination is by key, not by offset: ids sort by time, so the cursor of the next page is the last id
of this one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, Self, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, and_
from sqlalchemy.orm import load_only
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_session import in_bound_sandbox
from shop.database.counters import StateTally, total
from shop.database.models import Attempt, Delivery, Endpoint, Message, Order, is_in_state_index
from shop.ids import first_id
from shop.vocabulary import DeliveryState, EventType
from shop.webhooks.queries.sales import Sales, read_sales
from shop.webhooks.queries.search import matches, searchable
from shop.webhooks.rules.events import event_value_cents

MAX_PAGE_SIZE = 100
# The result of an attempt, without headers and bodies.
_SUMMARY_COLUMNS: tuple[Any, ...] = (
    col(Attempt.delivery_id),
    col(Attempt.number),
    col(Attempt.response_status),
    col(Attempt.error),
    col(Attempt.skipped_ms),
    col(Attempt.started_at),
)
_LINK_HEADER = col(Attempt.response_headers)["link"].as_string()
_IS_LAST_ATTEMPT = and_(
    col(Attempt.delivery_id) == Delivery.id, col(Attempt.number) == Delivery.attempt_count
)
_DELIVERY_ID = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 – the name says what happened
    """The cursor is not the id of a delivery."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list.

    ``q``: an id, its first or last digits, or a part of the endpoint's URL. ``since``: created then
    or later. ``until``: created before the end of that second.
    """

    state: DeliveryState | None = None
    endpoint_id: str | None = None
    event_type: EventType | None = None
    message_id: str | None = None
    q: str | None = None
    since: datetime | None = None
    order_id: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogRow:
    """A delivery with its endpoint and order, for a row of the log."""

    delivery: Delivery
    endpoint: Endpoint
    order_id: str | None
    order_total_cents: int | None

    @property
    def webhook_url(self) -> str:
        """The URL of its endpoint."""
        return self.endpoint.webhook_url

    @property
    def value_cents(self) -> int | None:
        """The amount in the event, negative for a refund; None without an order."""
        if self.order_total_cents is None:
            return None
        return event_value_cents(self.delivery.event_type, self.order_total_cents)


class LinkedRow(NamedTuple):
    """A delivery with its order, for a row of the JSON log.

    ``link_header``: the header ``Link`` of the response to its last attempt, which was sent to
    ``request_url``; both are None without such a header or attempt.
    """

    delivery: Delivery
    order_id: str | None
    link_header: str | None
    request_url: str | None


Row = TypeVar("Row", LogRow, LinkedRow)


@dataclass(frozen=True, slots=True)
class LogPage(Generic[Row]):
    """Rows, newest first. ``next_cursor`` is None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Sequence[Row], limit: int) -> Self:
        """Return the first ``limit`` of these rows."""
        has_more = len(rows) > limit
        return cls(rows[:limit], rows[limit - 1].delivery.id if has_more else None)


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with its message, endpoint, order and attempts, oldest attempt first."""

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    order: Order | None
    attempts: Sequence[Attempt]


async def list_deliveries(
    session: AsyncSession,
    wanted: DeliveryFilter,
    *,
    limit: int,
    cursor: str | None = None,
    newest: str | None = None,
) -> LogPage[LogRow]:
    """Return one page of the log, newest first: rows after ``cursor``, or from ``newest`` on.

    Raise ``BadCursor`` if one of these is not the id of a delivery.
    """
    query = (
        select(Delivery, Endpoint, Order.id, Order.total_cents)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .outerjoin(Order, col(Order.id) == Message.order_id)
        .where(*await conditions(session, wanted), *_between(newest, cursor))
        .order_by(col(Delivery.id).desc())
        .limit(limit + 1)  # one more, to see whether there is a next page
    )
    return LogPage.of([LogRow(*row) for row in (await session.exec(query)).all()], limit)


async def list_with_links(
    session: AsyncSession, wanted: DeliveryFilter, *, limit: int, cursor: str | None = None
) -> LogPage[LinkedRow]:
    """Return one page of the log with the links of the last responses, newest first.

    The database takes the link out of the response's headers. Raise ``BadCursor`` if ``cursor`` is
    not the id of a delivery.
    """
    query = (
        select(Delivery, Message.order_id, _LINK_HEADER, Attempt.request_url)
        .join(Message, col(Message.id) == Delivery.message_id)
        .outerjoin(Attempt, _IS_LAST_ATTEMPT)
        .where(*await conditions(session, wanted), *_between(None, cursor))
        .order_by(col(Delivery.id).desc())
        .limit(limit + 1)
    )
    return LogPage.of([LinkedRow(*row) for row in (await session.exec(query)).all()], limit)


async def count_newer(
    session: AsyncSession, wanted: DeliveryFilter, *, than: str, most: int
) -> int:
    """Return the number of deliveries after the one with the id ``than``, up to ``most``."""
    newer = (
        select(Delivery.id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .where(Delivery.id > _checked(than), *await conditions(session, wanted))
        .limit(most)
    )
    return (await session.exec(select(func.count()).select_from(newer.subquery()))).one()


async def newest_attempts(
    session: AsyncSession, delivery_ids: Iterable[str], *, most: int
) -> Mapping[str, Sequence[Attempt]]:
    """Return the last attempts of each of these deliveries, at most ``most``, oldest first.

    Headers and bodies are not loaded; reading them raises an error.
    """
    query = (
        select(Attempt)
        .join(Delivery, col(Delivery.id) == Attempt.delivery_id)
        .where(
            col(Attempt.delivery_id).in_(delivery_ids),
            col(Attempt.number) > Delivery.attempt_count - most,
        )
        .order_by(col(Attempt.delivery_id), col(Attempt.number))
        .options(load_only(*_SUMMARY_COLUMNS, raiseload=True))
    )
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in await session.exec(query):
        found[attempt.delivery_id].append(attempt)
    return found


async def find_delivery(session: AsyncSession, delivery_id: str) -> DeliveryDetail | None:
    """Return the delivery with its message, endpoint, order and attempts, or None."""
    query = (
        select(Delivery, Message, Endpoint, Order)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .outerjoin(Order, col(Order.id) == Message.order_id)
        .where(Delivery.id == delivery_id)
    )
    found = (await session.exec(query)).first()
    if found is None:
        return None
    attempts = (
        select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(col(Attempt.number))
    )
    return DeliveryDetail(*found, attempts=(await session.exec(attempts)).all())


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals for ``GET /v1/stats`` and the overview; every delivery state is present."""

    sales: Sales
    deliveries: dict[DeliveryState, int]

    @property
    def orders(self) -> int:
        """The number of orders placed."""
        return self.sales.orders

    @property
    def revenue_cents(self) -> int:
        """Net: gross minus refunds."""
        return self.sales.revenue_cents


async def read_stats(session: AsyncSession, endpoint_id: str | None = None) -> Stats:
    """Return orders, money and deliveries by state, from the counters.

    ``endpoint_id``: count only deliveries to this endpoint.
    """
    return Stats(await read_sales(session), await count_by_state(session, endpoint_id))


async def count_by_state(
    session: AsyncSession, endpoint_id: str | None = None
) -> dict[DeliveryState, int]:
    """Return the number of deliveries in each state, of one endpoint or of all."""
    query = select(StateTally.state, total(StateTally.amount)).group_by(col(StateTally.state))
    if endpoint_id is not None:
        query = query.where(StateTally.endpoint_id == endpoint_id)
    counts: dict[DeliveryState, int] = dict.fromkeys(DeliveryState, 0)
    for state, count in await session.exec(query):
        counts[DeliveryState(state)] = count
    return counts


def _between(newest: str | None, cursor: str | None) -> list[ColumnElement[bool]]:
    """Return as SQL: from ``newest`` on, and after ``cursor``, which is older."""
    found: list[ColumnElement[bool]] = []
    if newest is not None:
        found.append(col(Delivery.id) <= _checked(newest))
    if cursor is not None:
        found.append(col(Delivery.id) < _checked(cursor))
    return found


def _checked(cursor: str) -> str:
    if not _DELIVERY_ID.fullmatch(cursor):
        raise BadCursor("unknown cursor: start again without one")
    return cursor


async def conditions(session: AsyncSession, wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """Return the filter as SQL, for a query that joins deliveries with messages."""
    found: list[ColumnElement[bool]] = [*_time_range(wanted), *_state_and_event_type(wanted)]
    sandbox: SQLColumnExpression[int] = col(Delivery.sandbox)
    endpoint_id: SQLColumnExpression[str] = col(Delivery.endpoint_id)
    if wanted.state is DeliveryState.SENDING:
        # They are few and have an index of their own. Adding nothing disables the larger ones.
        sandbox, endpoint_id = sandbox + 0, endpoint_id.concat("")
    if not (wanted.endpoint_id or wanted.message_id or wanted.order_id):
        found.append(in_bound_sandbox(sandbox))
    if wanted.endpoint_id:
        found.append(endpoint_id == searchable(wanted.endpoint_id))
    if wanted.message_id:
        found.append(col(Delivery.message_id) == searchable(wanted.message_id))
    if wanted.order_id:
        found.append(col(Message.order_id) == searchable(wanted.order_id))
    if wanted.q:
        found.append(await matches(session, searchable(wanted.q)))
    return found


def _state_and_event_type(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    state, event_type = col(Delivery.state), col(Delivery.event_type)
    found: list[ColumnElement[bool]] = []
    if wanted.state and wanted.state is not DeliveryState.SENDING:
        found.append(is_in_state_index())
    if wanted.state and wanted.event_type:
        # The database can use only one of the two indexes, and cannot tell which value is rarer.
        # Most deliveries have succeeded. Appending an empty string disables the other index.
        if wanted.state is DeliveryState.SUCCEEDED:
            return [state.concat("") == wanted.state.value, event_type == wanted.event_type]
        return [*found, state == wanted.state, event_type.concat("") == wanted.event_type.value]
    if wanted.state:
        found.append(state == wanted.state)
    if wanted.event_type:
        found.append(event_type == wanted.event_type)
    return found


def _time_range(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """Return the time range as SQL: exact by time, and quick by id, because ids start with it."""
    found: list[ColumnElement[bool]] = []
    if wanted.since:
        found.append(col(Delivery.created_at) >= wanted.since)
        found.append(col(Delivery.id) >= first_id("dlv", wanted.since))
    if wanted.until:
        end = wanted.until + timedelta(seconds=1)
        found.append(col(Delivery.created_at) < end)
        found.append(col(Delivery.id) < first_id("dlv", end + timedelta(milliseconds=1)))
    return found
