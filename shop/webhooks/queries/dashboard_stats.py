"""The figures of the overview: what was ordered, what became of it, what waits, who is slow.

Called by the overview's page. Nothing here counts rows of orders, deliveries or attempts without a
bound: figures come from ``tallies``, single rows through an index and in limited numbers.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, literal_column, text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.counters import (
    AttemptSummary,
    AttemptTally,
    DeliveryTally,
    OrderTally,
    RefundTally,
    StateTally,
    total,
)
from shop.database.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState
from shop.webhooks.engine.claiming import can_send_to
from shop.webhooks.queries.endpoint_health import (
    Attempts,
    Latency,
    latency_of,
    newest_answers,
    sum_up,
)
from shop.webhooks.rules.time_buckets import Window

MAX_DUE = 1000  # of an endpoint; to count more takes its time, and tells nobody more
SLOWEST = 5
LATENCY_SAMPLE = 200
# Later than all. Between two bounds SQLite expects few rows, and goes by the index; of one bound
# alone it expects so many that it reads the whole table.
NO_MINUTE = 2**31 - 1

# Written out as in the index "unfinished_deliveries", which is not used for anything else.
_UNFINISHED = text("state IN ('pending', 'sending')")

Slots = dict[int, dict[DeliveryState, int]]


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders of a window, and refunds given in it, whenever their orders were placed.

    ``by_slot``: how many orders, for the slots in which there were any.
    """

    count: int
    gross_cents: int
    refunded_cents: int
    by_slot: dict[int, int]

    @property
    def revenue_cents(self) -> int:
        """Net: gross minus refunds."""
        return self.gross_cents - self.refunded_cents


@dataclass(slots=True)
class Waiting:
    """Deliveries that are not finished, at this moment.

    ``due``: could go out now; at most ``MAX_DUE`` are counted for an endpoint. ``later``: wait for
    their next try. ``held_back``: the endpoint is paused or disabled, its breaker is open, or it
    asked for a pause (Retry-After).
    ``oldest_at``: when the oldest was made of all that are not held back, and to which endpoint.
    """

    due: int = 0
    due_is_more: bool = False
    later: int = 0
    held_back: int = 0
    sending: int = 0
    oldest_at: datetime | None = None
    oldest_endpoint_id: str = ""

    @property
    def total(self) -> int:
        """All of them."""
        return self.due + self.later + self.held_back + self.sending


@dataclass(frozen=True, slots=True)
class SlowEndpoint:
    """An endpoint with the latency of its newest answers, and how many attempts it had."""

    endpoint: Endpoint
    latency: Latency
    attempts: Attempts


async def read_orders(session: AsyncSession, window: Window) -> Orders:
    """Orders and refunds since the window begins."""
    query = select(OrderTally).where(OrderTally.minute >= window.first_minute)
    tallies = (await session.exec(query)).all()
    refunds = select(total(RefundTally.total_cents)).where(
        RefundTally.minute >= window.first_minute
    )
    refunded_cents = (await session.exec(refunds)).one()
    slots: dict[int, int] = defaultdict(int)
    for tally in tallies:
        slots[window.slot_of(tally.minute) or 0] += tally.amount
    return Orders(
        sum(tally.amount for tally in tallies),
        sum(tally.total_cents for tally in tallies),
        refunded_cents or 0,
        dict(slots),
    )


async def read_deliveries(session: AsyncSession, window: Window) -> Slots:
    """By slot in which they were made, and by the state that they are in now."""
    query = (
        select(DeliveryTally.minute, DeliveryTally.state, total(DeliveryTally.amount))
        .where(DeliveryTally.minute >= window.first_minute, DeliveryTally.amount != 0)
        .group_by(col(DeliveryTally.minute), col(DeliveryTally.state))
        .having(total(DeliveryTally.amount) > 0)
    )
    slots: Slots = defaultdict(lambda: dict.fromkeys(DeliveryState, 0))
    for minute, state, amount in await session.exec(query):
        slots[window.slot_of(minute) or 0][DeliveryState(state)] += amount
    return dict(slots)


async def read_attempts(session: AsyncSession, window: Window) -> list[AttemptSummary]:
    """All endpoints' attempts since the window begins, by endpoint and reason."""
    query = (
        # SQLModel's types end at four columns.
        select(  # type: ignore[call-overload]
            AttemptTally.endpoint_id,
            AttemptTally.reason,
            total(AttemptTally.amount),
            total(AttemptTally.total_ms),
            func.max(AttemptTally.last_at),
        )
        .where(col(AttemptTally.minute).between(window.first_minute, NO_MINUTE))
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
    """What is not finished yet, each endpoint asked through its own indexes."""
    amounts: dict[tuple[str, DeliveryState], int] = defaultdict(int)
    for tally in (await session.exec(select(StateTally))).all():
        amounts[tally.endpoint_id, tally.state] += tally.amount
    query = select(Endpoint, _due(now), _oldest()).where(col(Endpoint.deleted_at).is_(None))
    waiting = Waiting()
    for endpoint, due, oldest_at in (await session.exec(query)).all():
        pending = amounts[endpoint.id, DeliveryState.PENDING]
        waiting.sending += amounts[endpoint.id, DeliveryState.SENDING]
        if not can_send_to(endpoint, now):
            waiting.held_back += pending
            continue
        waiting.due += min(due, MAX_DUE)
        waiting.due_is_more |= due > MAX_DUE
        waiting.later += max(pending - due, 0)
        if oldest_at and (waiting.oldest_at is None or oldest_at < waiting.oldest_at):
            waiting.oldest_at, waiting.oldest_endpoint_id = oldest_at, endpoint.id
    return waiting


async def read_slowest(
    session: AsyncSession, tallies: list[AttemptSummary], window: Window
) -> list[SlowEndpoint]:
    """The endpoints that take longest to answer, the slowest first.

    Those with the highest mean are looked at closely; ``tallies``: from ``read_attempts``.
    """
    by_endpoint: dict[str, list[AttemptSummary]] = defaultdict(list)
    for tally in tallies:
        by_endpoint[tally.endpoint_id].append(tally)
    attempts = {id_: sum_up(group) for id_, group in by_endpoint.items()}
    slowest = sorted(attempts, key=lambda id_: attempts[id_].mean_ms or 0, reverse=True)[:SLOWEST]
    query = select(Endpoint).where(
        col(Endpoint.id).in_(slowest), col(Endpoint.deleted_at).is_(None)
    )
    found = []
    for endpoint in (await session.exec(query)).all():
        durations = await newest_answers(
            session, endpoint.id, since=window.begins_at, limit=LATENCY_SAMPLE
        )
        if latency := latency_of(durations):
            found.append(SlowEndpoint(endpoint, latency, attempts[endpoint.id]))
    return sorted(found, key=lambda slow: slow.latency.median_ms, reverse=True)


def _due(now: datetime) -> ScalarSelect[int]:
    """An endpoint's deliveries whose time has come; one more than ``MAX_DUE`` says enough."""
    due = (
        select(literal_column("1"))  # all that is asked for is in an index
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


def _oldest() -> ScalarSelect[Any]:
    """When the oldest delivery to an endpoint was made that is not finished."""
    return (
        # And not the minimum, for which SQLite would look at each of them.
        select(Delivery.created_at)
        .where(Delivery.endpoint_id == Endpoint.id, _UNFINISHED)
        .order_by(col(Delivery.created_at))
        .limit(1)
        .correlate(Endpoint)
        .scalar_subquery()
    )
