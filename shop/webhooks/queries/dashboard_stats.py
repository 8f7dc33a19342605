"""Statistics for the overview: orders, deliveries, the backlog, and the slowest endpoints.

Every query is bounded: statistics come from ``counters``, and single rows through an index and with
a limit.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, literal_column
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_session import filtered
from shop.database.counters import (
    AttemptSummary,
    AttemptTally,
    DeliveryTally,
    OrderTally,
    RefundTally,
    StateTally,
    total,
)
from shop.database.models import Delivery, Endpoint, is_in_state_index
from shop.vocabulary import DeliveryState
from shop.webhooks.queries.endpoint_health import (
    Attempts,
    Latency,
    latency_of,
    newest_durations,
    sum_up,
)
from shop.webhooks.rules.holds import Hold, backlog_of, hold_of_endpoint, hold_of_full
from shop.webhooks.rules.time_buckets import Window

MAX_DUE = 5000  # counted for each endpoint; counting more would be slow
MAX_SLOWEST = 5
LATENCY_SAMPLE = 200
# An upper bound for minutes. With two bounds SQLite expects few rows and uses the index; with only
# one it expects many and reads the whole table.
MAX_MINUTE = 2**31 - 1

StateCounts = dict[int, dict[DeliveryState, int]]


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders placed in a window, and refunds given in it.

    ``by_bucket``: number of orders in each bucket that has any.
    """

    count: int
    gross_cents: int
    refunded_cents: int
    by_bucket: dict[int, int]

    @property
    def revenue_cents(self) -> int:
        """Net: gross minus refunds."""
        return self.gross_cents - self.refunded_cents


@dataclass(slots=True)
class Waiting:
    """Numbers of deliveries that are not finished.

    ``sending``: in flight. ``pending``: all others. Of these, ``due``: could be sent now, as soon
    as a worker and a slot of the endpoint are free; at most ``MAX_DUE`` are counted for each
    endpoint, and ``due_is_more`` says whether there are more. ``later``: wait for their next
    attempt. ``held_back``: the endpoint is paused or disabled, its circuit breaker is open, or it
    asked for a pause (Retry-After). ``by_hold``: by reason, including those of the due ones that
    wait for a slot. ``oldest_at``, ``oldest_endpoint_id``: creation and endpoint of the oldest
    delivery that is not held back.
    """

    due: int = 0
    due_is_more: bool = False
    later: int = 0
    held_back: int = 0
    pending: int = 0
    sending: int = 0
    by_hold: Counter[Hold] = field(default_factory=Counter)
    oldest_at: datetime | None = None
    oldest_endpoint_id: str = ""

    @property
    def total(self) -> int:
        """The number of all of them."""
        return self.due + self.later + self.held_back + self.sending

    @property
    def held_by_status(self) -> int:
        """Those whose endpoint is paused or disabled."""
        return self.by_hold[Hold.PAUSED] + self.by_hold[Hold.DISABLED]


@dataclass(frozen=True, slots=True)
class SlowEndpoint:
    """An endpoint with the latency of its newest responses and its attempts."""

    endpoint: Endpoint
    latency: Latency
    attempts: Attempts


async def read_orders(session: AsyncSession, window: Window) -> Orders:
    """Return the orders and refunds in the window."""
    query = select(OrderTally).where(OrderTally.minute >= window.first_minute)
    tallies = (await session.exec(query)).all()
    refunds = select(total(RefundTally.total_cents)).where(
        RefundTally.minute >= window.first_minute
    )
    refunded_cents = (await session.exec(refunds)).one()
    buckets: dict[int, int] = defaultdict(int)
    for tally in tallies:
        buckets[window.bucket_of(tally.minute) or 0] += tally.amount
    return Orders(
        sum(tally.amount for tally in tallies),
        sum(tally.total_cents for tally in tallies),
        refunded_cents or 0,
        dict(buckets),
    )


async def read_deliveries(session: AsyncSession, window: Window) -> StateCounts:
    """Return the number of deliveries by the bucket of their creation and by current state."""
    query = (
        select(DeliveryTally.minute, DeliveryTally.state, total(DeliveryTally.amount))
        .where(DeliveryTally.minute >= window.first_minute, DeliveryTally.amount != 0)
        .group_by(col(DeliveryTally.minute), col(DeliveryTally.state))
        .having(total(DeliveryTally.amount) > 0)
    )
    buckets: StateCounts = defaultdict(lambda: dict.fromkeys(DeliveryState, 0))
    for minute, state, amount in await session.exec(query):
        buckets[window.bucket_of(minute) or 0][DeliveryState(state)] += amount
    return dict(buckets)


async def read_attempts(session: AsyncSession, window: Window) -> list[AttemptSummary]:
    """Return the attempts in the window, summed up by endpoint and reason."""
    query = (
        # SQLModel has types for at most four columns.
        select(  # type: ignore[call-overload]
            AttemptTally.endpoint_id,
            AttemptTally.reason,
            total(AttemptTally.amount),
            total(AttemptTally.total_ms),
            func.max(AttemptTally.last_at),
        )
        .where(col(AttemptTally.minute).between(window.first_minute, MAX_MINUTE))
        .group_by(col(AttemptTally.endpoint_id), col(AttemptTally.reason))
    )
    return [
        AttemptSummary(
            endpoint_id=endpoint_id,
            minute=window.first_minute,
            reason=reason,
            amount=amount,
            total_ms=total_ms,
            last_at=last_at,
        )
        for endpoint_id, reason, amount, total_ms, last_at in await session.exec(query)
    ]


async def read_waiting(session: AsyncSession, *, now: datetime) -> Waiting:
    """Return the numbers of unfinished deliveries. Indexes bound the work for each endpoint."""
    amounts = await count_by_endpoint(session)
    query = (
        # SQLModel has types for at most four columns.
        select(  # type: ignore[call-overload]
            Endpoint,
            due_of_endpoint(now),
            passing_of_endpoint(now),
            _oldest_pending(),
            _oldest_sending(),
        ).where(col(Endpoint.deleted_at).is_(None))
    )
    # Those of deleted endpoints too, which are about to end.
    waiting = Waiting(
        pending=_sum_of(amounts, DeliveryState.PENDING),
        sending=_sum_of(amounts, DeliveryState.SENDING),
    )
    for endpoint, due, passing, *unfinished_since in (await session.exec(query)).all():
        pending = amounts[endpoint.id, DeliveryState.PENDING]
        sending = amounts[endpoint.id, DeliveryState.SENDING]
        hold = hold_of_endpoint(endpoint.status, endpoint.probe_at, endpoint.hold_until, now)
        backlog = backlog_of(
            hold,
            hold_of_full(endpoint.probe_at, has_free_slot=sending < slots_of(endpoint)),
            is_probing=endpoint.probe_at is not None,
            pending=pending,
            due=min(due, MAX_DUE),
            passing=passing,
        )
        waiting.by_hold += Counter(backlog.by_hold)
        waiting.held_back += backlog.held
        waiting.due += backlog.due
        waiting.later += backlog.later
        if hold:
            continue
        waiting.due_is_more |= due > MAX_DUE
        for oldest_at in filter(None, unfinished_since):
            if waiting.oldest_at is None or oldest_at < waiting.oldest_at:
                waiting.oldest_at, waiting.oldest_endpoint_id = oldest_at, endpoint.id
    return waiting


async def count_by_endpoint(session: AsyncSession) -> Mapping[tuple[str, DeliveryState], int]:
    """Return the number of deliveries by endpoint and state, 0 where there are none."""
    amounts: defaultdict[tuple[str, DeliveryState], int] = defaultdict(int)
    query = select(StateTally.endpoint_id, StateTally.state, StateTally.amount)
    for endpoint_id, state, amount in await session.exec(query):
        amounts[endpoint_id, DeliveryState(state)] += amount
    return amounts


def _sum_of(amounts: Mapping[tuple[str, DeliveryState], int], state: DeliveryState) -> int:
    return sum(amount for (_endpoint_id, of_state), amount in amounts.items() if of_state is state)


async def read_slowest(
    session: AsyncSession, tallies: list[AttemptSummary], window: Window
) -> list[SlowEndpoint]:
    """Return the endpoints with the highest median latency, slowest first.

    Only the ``MAX_SLOWEST`` with the highest mean are considered. ``tallies``: from
    ``read_attempts``.
    """
    by_endpoint: dict[str, list[AttemptSummary]] = defaultdict(list)
    for tally in tallies:
        by_endpoint[tally.endpoint_id].append(tally)
    attempts = {id_: sum_up(group) for id_, group in by_endpoint.items()}
    slowest = sorted(attempts, key=lambda id_: attempts[id_].mean_ms or 0, reverse=True)[
        :MAX_SLOWEST
    ]
    query = select(Endpoint).where(
        col(Endpoint.id).in_(slowest), col(Endpoint.deleted_at).is_(None)
    )
    found = []
    for endpoint in (await session.exec(query)).all():
        durations = await newest_durations(
            session, endpoint.id, since=window.starts_at, limit=LATENCY_SAMPLE
        )
        if latency := latency_of(durations):
            found.append(SlowEndpoint(endpoint, latency, attempts[endpoint.id]))
    return sorted(found, key=lambda slow: slow.latency.median_ms, reverse=True)


def slots_of(endpoint: Endpoint) -> int:
    """Return how many deliveries may be in flight to the endpoint."""
    # While the circuit breaker is open, one probe at a time, as in ``engine.claiming``.
    return 1 if endpoint.probe_at else endpoint.places


def due_of_endpoint(now: datetime) -> ScalarSelect[int]:
    """Return SQL for the number of an endpoint's due deliveries, up to ``MAX_DUE`` + 1."""
    due = (
        select(literal_column("1"))  # no column, so that the index is enough
        .where(
            Delivery.endpoint_id == Endpoint.id,
            Delivery.state == DeliveryState.PENDING,
            col(Delivery.next_attempt_at) <= now,
        )
        .limit(MAX_DUE + 1)
        .correlate(Endpoint)
        .subquery()
    )
    return select(func.count()).select_from(due).correlate(Endpoint).scalar_subquery()


def passing_of_endpoint(now: datetime) -> ScalarSelect[int]:
    """Return SQL for the number of an endpoint's deliveries that a person has resent."""
    passing = select(func.count()).select_from(Delivery).where(is_passing(now))
    return passing.correlate(Endpoint).scalar_subquery()


def is_passing(now: datetime) -> ColumnElement[bool]:
    """Return SQL for a due delivery of an endpoint that no breaker and no hold delays."""
    return and_(
        # Not by endpoint: that index may be large, and the one of these deliveries is small.
        filtered(Delivery.endpoint_id) == Endpoint.id,
        col(Delivery.state) == DeliveryState.PENDING,
        col(Delivery.next_attempt_at) <= now,
        col(Delivery.passes_breaker),
    )


def _oldest_pending() -> ScalarSelect[Any]:
    """Return SQL for the creation time of an endpoint's oldest pending delivery."""
    return (
        # Not min(): for that, SQLite would read all of them. Ids sort by time.
        select(Delivery.created_at)
        .where(
            Delivery.endpoint_id == Endpoint.id,
            Delivery.state == DeliveryState.PENDING,
            is_in_state_index(),
        )
        .order_by(col(Delivery.id))
        .limit(1)
        .correlate(Endpoint)
        .scalar_subquery()
    )


def _oldest_sending() -> ScalarSelect[Any]:
    """Return SQL for the creation time of the oldest delivery that is being sent to an endpoint."""
    # There are only a few of them.
    sending = select(func.min(Delivery.created_at)).where(
        Delivery.endpoint_id == Endpoint.id, Delivery.state == DeliveryState.SENDING
    )
    return sending.correlate(Endpoint).scalar_subquery()
