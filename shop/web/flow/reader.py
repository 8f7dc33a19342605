"""Reads the facts for the picture with four queries, each kept short by indexes and limits.

They run up to ten times a second for each viewer of the page.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, ScalarSelect, literal, or_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.database.bound_session import in_bound_sandbox
from shop.database.models import Delivery, Endpoint, Message, Order
from shop.redis.guard import RedisGuard
from shop.redis.heartbeats import HEARTBEAT_INTERVAL_SECONDS, Heartbeats
from shop.redis.wake_ups import WakeUps
from shop.vocabulary import DeliveryState
from shop.web.flow.facts import (
    MAX_COUNT,
    DeliveryFacts,
    EndpointFacts,
    Facts,
    OrderFacts,
)
from shop.webhooks.queries.dashboard_stats import is_passing, slots_of
from shop.webhooks.rules.events import event_value_cents

MAX_NEWEST = 16  # deliveries, as the next two
MAX_OUTSTANDING = 10  # in each of the states sending and pending
MAX_FAILED = 10
MAX_ORDERS = 5
REDIS_TIMEOUT_SECONDS = 0.25
REDIS_COOLDOWN_SECONDS = 0.5
HEARTBEAT_WAIT_SECONDS = 3 * HEARTBEAT_INTERVAL_SECONDS


@dataclass(frozen=True, slots=True)
class Engine:
    """The state of queue and workers. `queue_length`: None if Redis does not answer.

    `workers`: the number of workers that are alive, or None if it is unknown.
    """

    queue_length: int | None
    workers: int | None


class EngineGauge:
    """Reads the state of queue and workers. While Redis is down, most reads fail immediately."""

    def __init__(self, wake_ups: WakeUps, heartbeats: Heartbeats) -> None:
        self._wake_ups = wake_ups
        self._heartbeats = heartbeats
        self._redis_guard = RedisGuard(REDIS_TIMEOUT_SECONDS, cooldown=REDIS_COOLDOWN_SECONDS)
        self._unknown_until = 0.0

    async def read(self) -> Engine:
        """Return the current state. Never raise."""
        clock = asyncio.get_running_loop().time
        try:
            async with self._redis_guard.bounded():
                queue_length = await self._wake_ups.length()
        except (RedisError, OSError, TimeoutError):
            self._unknown_until = clock() + HEARTBEAT_WAIT_SECONDS
            return Engine(None, None)
        workers = await self._heartbeats.alive()
        # Heartbeats expire while Redis is down. So when it is back, wait for new ones before
        # reporting that there are no workers.
        is_known = bool(workers) or (workers is not None and clock() >= self._unknown_until)
        return Engine(queue_length, len(workers or ()) if is_known else None)


async def read_facts(session: AsyncSession, engine: Engine, *, now: datetime) -> Facts:
    """Return all facts for the picture."""
    totals = await _totals(session, now)
    return Facts(
        now=now,
        endpoints=await _endpoints(session, now),
        deliveries=await _deliveries(session),
        orders_without_subscribers=await _orders_without_subscribers(session),
        orders=totals.orders,
        orders_in_last_minute=totals.of_last_minute,
        failed=totals.failed,
        queue_length=engine.queue_length,
        workers=engine.workers,
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    orders: int
    of_last_minute: int
    failed: int


async def _totals(session: AsyncSession, now: datetime) -> _Totals:
    a_minute_ago = now - timedelta(minutes=1)
    query = select(
        _counted(select(literal(1)).where(in_bound_sandbox(Order.sandbox))),
        _counted(
            select(literal(1)).where(
                in_bound_sandbox(Order.sandbox), Order.created_at > a_minute_ago
            )
        ),
        _counted(select(literal(1)).where(*_in_state(DeliveryState.FAILED))),
    )
    return _Totals(*(await session.exec(query)).one())


async def _endpoints(session: AsyncSession, now: datetime) -> list[EndpointFacts]:
    """Return the endpoints, oldest first, so that a new endpoint does not move the lanes."""
    theirs = Delivery.endpoint_id == Endpoint.id
    pending = select(literal(1)).where(theirs, Delivery.state == DeliveryState.PENDING)
    due = pending.where(col(Delivery.next_attempt_at) <= now)
    passing = select(literal(1)).select_from(Delivery).where(is_passing(now))
    first = select(func.min(Delivery.next_attempt_at)).where(
        theirs, Delivery.state == DeliveryState.PENDING
    )
    query = (
        select(
            Endpoint,
            first.correlate(Endpoint).scalar_subquery(),
            *(_counted(each.correlate(Endpoint)) for each in (pending, due, passing)),
            *(_counted(_of_state(state)) for state in _COUNTED_STATES),
        )
        .where(col(Endpoint.deleted_at).is_(None))
        .order_by(col(Endpoint.id))
    )
    return [_endpoint_facts(*row) for row in await session.exec(query)]


_COUNTED_STATES = (DeliveryState.SENDING, DeliveryState.SUCCEEDED, DeliveryState.FAILED)


def _of_state(state: DeliveryState) -> SelectOfScalar[int]:
    query = select(literal(1)).where(Delivery.endpoint_id == Endpoint.id, Delivery.state == state)
    return query.correlate(Endpoint)


def _endpoint_facts(
    endpoint: Endpoint,
    next_attempt_at: datetime | None,
    *counts: int,
) -> EndpointFacts:
    pending, due, passing, sending, succeeded, failed = counts
    return EndpointFacts(
        id=endpoint.id,
        webhook_url=endpoint.webhook_url,
        status=endpoint.status,
        description=endpoint.description,
        concurrency=slots_of(endpoint),
        disabled_reason=endpoint.disabled_reason,
        failed_attempts=endpoint.failed_attempts,
        probe_at=endpoint.probe_at,
        hold_until=endpoint.hold_until,
        next_attempt_at=next_attempt_at,
        pending=pending,
        due=due,
        passing=passing,
        sending=sending,
        succeeded=succeeded,
        failed=failed,
    )


async def _deliveries(session: AsyncSession) -> Sequence[DeliveryFacts]:
    """Return the newest deliveries, the unfinished ones that are next, and some that failed."""
    newest = (
        select(Delivery.id)
        .where(in_bound_sandbox(Delivery.sandbox))
        .order_by(col(Delivery.id).desc())
        .limit(MAX_NEWEST)
    )
    sending = select(Delivery.id).where(*_in_state(DeliveryState.SENDING)).limit(MAX_OUTSTANDING)
    pending = (
        select(Delivery.id)
        .where(*_in_state(DeliveryState.PENDING))
        .order_by(col(Delivery.next_attempt_at))
        .limit(MAX_OUTSTANDING)
    )
    failed = (
        # next_attempt_at is null for all of these, so the index returns them in row order.
        select(Delivery.id)
        .where(*_in_state(DeliveryState.FAILED))
        .order_by(col(Delivery.next_attempt_at).desc())
        .limit(MAX_FAILED)
    )
    wanted = (col(Delivery.id).in_(each) for each in (newest, sending, pending, failed))
    query = (
        select(Delivery, Order.id, Order.total_cents)
        .join(Message, col(Message.id) == Delivery.message_id)
        .outerjoin(Order, col(Order.id) == Message.order_id)
        .where(or_(*wanted))
        .order_by(col(Delivery.id).desc())
    )
    return [_delivery_facts(*row) for row in await session.exec(query)]


def _in_state(state: DeliveryState) -> tuple[ColumnElement[bool], ...]:
    return in_bound_sandbox(Delivery.sandbox), col(Delivery.state) == state


def _delivery_facts(
    delivery: Delivery, order_id: str | None, total_cents: int | None
) -> DeliveryFacts:
    return DeliveryFacts(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_type=delivery.event_type,
        state=delivery.state,
        waits_since=delivery.waits_since,
        order_id=order_id,
        value_cents=None
        if total_cents is None
        else event_value_cents(delivery.event_type, total_cents),
        attempt_count=delivery.attempt_count,
        next_attempt_at=delivery.next_attempt_at,
        lease_expires_at=delivery.lease_expires_at,
        passes_breaker=delivery.passes_breaker,
        outcome=str(delivery.last_status or delivery.last_error or ""),
    )


async def _orders_without_subscribers(session: AsyncSession) -> Sequence[OrderFacts]:
    """Return those of the newest orders that have no subscribers."""
    newest = (
        select(Order.id, Order.total_cents)
        .where(in_bound_sandbox(Order.sandbox))
        .order_by(col(Order.id).desc())
        .limit(MAX_ORDERS)
        .subquery()
    )
    delivered = (
        select(Delivery.id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .where(Message.order_id == newest.c.id)
    )
    # Leave out orders without a message: their deliveries may have been pruned.
    has_message = select(Message.id).where(Message.order_id == newest.c.id).exists()
    query = select(newest.c.id, newest.c.total_cents).where(~delivered.exists(), has_message)
    return [OrderFacts(*row) for row in await session.exec(query)]


def _counted(rows: SelectOfScalar[int]) -> ScalarSelect[int]:
    """Return SQL for the number of rows, up to `MAX_COUNT`.

    `rows` must select a constant: for an id, the database would read each row and not only the
    index.
    """
    counted = rows.limit(MAX_COUNT).subquery()
    return select(func.count()).select_from(counted).scalar_subquery()
