"""Reads the delivery log.

Called by the JSON API and the deliveries pages. Pages follow each other by key, not by offset:
ids sort by time, so the last id of a page is all that the next one needs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.models import Attempt, Delivery, Endpoint, Message, Order
from shop.tallies import ALL_TIME, OrderTally, StateTally
from shop.vocabulary import DeliveryState, EventType

LARGEST_PAGE = 100
_DELIVERY_ID = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)


class BadCursor(ValueError):  # noqa: N818 – the name says what happened
    """The cursor is not one that an earlier page handed out."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list. ``q``: the beginning of an id, or a part of the endpoint's URL.

    ``since``: created at that moment or later.
    """

    state: DeliveryState | None = None
    endpoint_id: str | None = None
    event_type: EventType | None = None
    message_id: str | None = None
    q: str | None = None
    since: datetime | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class LogRow:
    """A delivery with what a reader of the log wants to know about it."""

    delivery: Delivery
    webhook_url: str
    order_id: str | None
    order_total_cents: int | None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows, newest first. ``next_cursor`` is None on the last page."""

    rows: Sequence[LogRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """A delivery with everything that belongs to it; attempts in the order they were made."""

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    order: Order | None
    attempts: Sequence[Attempt]


async def list_deliveries(
    session: AsyncSession, wanted: DeliveryFilter, *, limit: int, cursor: str | None = None
) -> LogPage:
    """One page of the log, newest first. Raises ``BadCursor``."""
    query = (
        select(Delivery, Endpoint.webhook_url, Order.id, Order.total_cents)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .outerjoin(Order, col(Order.id) == Message.order_id)
        .where(*conditions(wanted))
        .order_by(col(Delivery.id).desc())
        .limit(limit + 1)  # one more than asked for tells whether a next page exists
    )
    if cursor is not None:
        query = query.where(Delivery.id < _checked(cursor))
    rows = [LogRow(*row) for row in (await session.exec(query)).all()]
    more = len(rows) > limit
    return LogPage(rows[:limit], rows[limit - 1].delivery.id if more else None)


async def find_delivery(session: AsyncSession, delivery_id: str) -> DeliveryDetail | None:
    """The delivery with its message, endpoint, order and attempts, or None."""
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

    orders: int
    revenue_cents: int
    deliveries: dict[DeliveryState, int]


async def read_stats(session: AsyncSession) -> Stats:
    """Orders, money and deliveries by state, as ``tallies`` keeps them."""
    total = await session.get(OrderTally, ALL_TIME)
    orders, revenue = (total.amount, total.total_cents) if total else (0, 0)
    return Stats(orders, revenue, await count_by_state(session))


async def count_by_state(
    session: AsyncSession, endpoint_id: str | None = None
) -> dict[DeliveryState, int]:
    """How many deliveries are in each state, of one endpoint or of all."""
    amount = func.sum(StateTally.amount)
    query = select(StateTally.state, amount).group_by(col(StateTally.state))
    if endpoint_id is not None:
        query = query.where(StateTally.endpoint_id == endpoint_id)
    counts: dict[DeliveryState, int] = dict.fromkeys(DeliveryState, 0)
    for state, count in await session.exec(query):
        counts[DeliveryState(state)] = count
    return counts


def _checked(cursor: str) -> str:
    if not _DELIVERY_ID.fullmatch(cursor):
        raise BadCursor("the cursor is not one of ours")
    return cursor


def conditions(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """The filter as SQL, for a query that joins deliveries with messages and endpoints."""
    found: list[ColumnElement[bool]] = []
    if wanted.state:
        found.append(col(Delivery.state) == wanted.state)
    if wanted.endpoint_id:
        found.append(col(Delivery.endpoint_id) == _searchable(wanted.endpoint_id))
    if wanted.event_type:
        found.append(col(Delivery.event_type) == wanted.event_type)
    if wanted.message_id:
        found.append(col(Delivery.message_id) == _searchable(wanted.message_id))
    if wanted.order_id:
        found.append(col(Message.order_id) == _searchable(wanted.order_id))
    if wanted.since:
        found.append(col(Delivery.created_at) >= wanted.since)
    if wanted.q:
        found.append(_matches(_searchable(wanted.q)))
    return found


def _searchable(text: str) -> str:
    """To a database, a NUL ends the text, or is an error; the sign instead is found nowhere."""
    return text.replace("\x00", "\ufffd")


def _matches(text: str) -> ColumnElement[bool]:
    return or_(
        col(Delivery.id).startswith(text, autoescape=True),
        col(Delivery.message_id).startswith(text, autoescape=True),
        col(Message.order_id).startswith(text, autoescape=True),
        col(Endpoint.webhook_url).contains(text, autoescape=True),
    )
