"""Reads the facts for the picture with five queries. Counters, indexes and limits keep them short.

They run up to ten times a second for each viewer of the page.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import literal, or_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.bound_session import in_bound_sandbox
from shop.database.counters import ALL_TIME, OrderTally, total
from shop.database.models import Delivery, Endpoint, Message, Order, is_in_state_index
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
from shop.webhooks.queries.dashboard_stats import (
    MAX_DUE,
    count_by_endpoint,
    due_of_endpoint,
    passing_of_endpoint,
    slots_of,
)
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
    amounts = await count_by_endpoint(session)
    orders, orders_in_last_minute = await _count_orders(session, now)
    return Facts(
        now=now,
        endpoints=await _endpoints(session, amounts, now),
        deliveries=await _deliveries(session),
        orders_without_subscribers=await _orders_without_subscribers(session),
        orders=orders,
        orders_in_last_minute=orders_in_last_minute,
        # Also those of deleted endpoints, as in the log.
        failed=sum(
            amount for (_id, state), amount in amounts.items() if state is DeliveryState.FAILED
        ),
        queue_length=engine.queue_length,
        workers=engine.workers,
    )


async def _count_orders(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """Return the number of all orders, and of those in the last minute up to ``MAX_COUNT``."""
    all_orders = select(total(OrderTally.amount)).where(OrderTally.minute == ALL_TIME)
    # A constant: for an id, the database would read each row and not only the index.
    newest = (
        select(literal(1))
        .where(in_bound_sandbox(Order.sandbox), Order.created_at > now - timedelta(minutes=1))
        .limit(MAX_COUNT)
        .subquery()
    )
    in_last_minute = select(func.count()).select_from(newest)
    query = select(all_orders.scalar_subquery(), in_last_minute.scalar_subquery())
    orders, of_last_minute = (await session.exec(query)).one()
    return orders or 0, of_last_minute


async def _endpoints(
    session: AsyncSession, amounts: Mapping[tuple[str, DeliveryState], int], now: datetime
) -> list[EndpointFacts]:
    """Return the endpoints, oldest first, so that a new endpoint does not move the lanes."""
    first = select(func.min(Delivery.next_attempt_at)).where(
        Delivery.endpoint_id == Endpoint.id, Delivery.state == DeliveryState.PENDING
    )
    query = (
        select(
            Endpoint,
            first.correlate(Endpoint).scalar_subquery(),
            due_of_endpoint(now),
            passing_of_endpoint(now),
        )
        .where(col(Endpoint.deleted_at).is_(None))
        .order_by(col(Endpoint.id))
    )
    return [
        EndpointFacts(
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
            pending=amounts[endpoint.id, DeliveryState.PENDING],
            due=min(due, MAX_DUE),
            passing=passing,
            sending=amounts[endpoint.id, DeliveryState.SENDING],
            succeeded=amounts[endpoint.id, DeliveryState.SUCCEEDED],
            failed=amounts[endpoint.id, DeliveryState.FAILED],
        )
        for endpoint, next_attempt_at, due, passing in await session.exec(query)
    ]


async def _deliveries(session: AsyncSession) -> Sequence[DeliveryFacts]:
    """Return the newest deliveries, the unfinished ones that are next, and some that failed."""
    newest = (
        select(Delivery.id)
        .where(in_bound_sandbox(Delivery.sandbox))
        .order_by(col(Delivery.id).desc())
        .limit(MAX_NEWEST)
    )
    sending = (
        # Not by sandbox: the index of those that are being sent is small.
        select(Delivery.id).where(Delivery.state == DeliveryState.SENDING).limit(MAX_OUTSTANDING)
    )
    pending = (
        select(Delivery.id)
        .where(in_bound_sandbox(Delivery.sandbox), Delivery.state == DeliveryState.PENDING)
        .order_by(col(Delivery.next_attempt_at))
        .limit(MAX_OUTSTANDING)
    )
    failed = (
        select(Delivery.id)
        .where(
            in_bound_sandbox(Delivery.sandbox),
            Delivery.state == DeliveryState.FAILED,
            is_in_state_index(),
        )
        .order_by(col(Delivery.id).desc())
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
