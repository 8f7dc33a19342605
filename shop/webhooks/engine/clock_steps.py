"""Takes the steps of the advances that are under way: see ``webhooks.clock``.

A step is one transaction. It finds the next planned attempt of a sandbox, and brings all of its
plan nearer by the time until then: attempts, probes, holds, and the expiry of former secrets. Then
the attempt is due, and is made like any other. The next step is taken when nothing is due or in
flight any more. So each attempt is really made, in its order, and signed at the real time.

Any worker takes a step, after a look that leaves the sandbox idle. If it dies, the next one goes
on: how far an advance still goes is in the database.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, true
from sqlalchemy import select as core_select
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.database.bound_sandbox import bound_to
from shop.database.bound_session import filtered, in_bound_sandbox
from shop.database.locks import lock_endpoints
from shop.database.models import Delivery, Endpoint, EndpointSecret, SandboxClock
from shop.database.moved_times import earlier
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.clock import end
from shop.webhooks.queries.quiescence import read_quiescence
from shop.webhooks.rules.advances import Step, ms_until, next_step

# Steps of different sandboxes; the others get theirs after the next look.
MAX_STEPS_PER_LOOK = 8

logger = logging.getLogger(__name__)


def find_advancing(connection: Connection) -> Sequence[int]:
    """Return the numbers of sandboxes with an advance that waits for nothing in flight."""
    return connection.scalars(_ADVANCING, {"max_rows": MAX_STEPS_PER_LOOK}).all()


async def take_step(
    database: Database, number: int, *, clock: Callable[[], datetime]
) -> Step | None:
    """Take the next step of the advance in this sandbox. Return None if none can be taken now.

    Then something is due or in flight, another worker takes the step, or the advance has ended.
    """
    with bound_to(number):
        async with database.writing() as session:
            advance = (await session.exec(_advance_to_lock())).first()
            if advance is None:
                return None
            await _lock_live_endpoints(session)
            now = clock()
            step = await _find_step(session, advance, now)
            if step is None:
                return None
            if step.skip_ms:
                await _bring_nearer(session, step.skip, now)
            _note(advance, step)
            session.add(advance)
    logger.info("Sandbox %d: skipped %.1f s", number, step.skip_ms / 1000)
    return step


async def _lock_live_endpoints(session: AsyncSession) -> None:
    live = select(Endpoint.id).where(
        in_bound_sandbox(Endpoint.sandbox), col(Endpoint.deleted_at).is_(None)
    )
    await lock_endpoints(session, ids=(await session.exec(live)).all())


async def _find_step(session: AsyncSession, advance: SandboxClock, now: datetime) -> Step | None:
    found = await read_quiescence(session, now=now)
    if not found.is_idle:
        return None
    if await _is_reached(session, advance):
        return Step(0, 0, is_last=True)
    return next_step(advance.remaining_ms, ms_until(found.next_attempt_at, now))


async def _is_reached(session: AsyncSession, advance: SandboxClock) -> bool:
    """Return whether the delivery for which the advance was started needs no further step."""
    if advance.until_delivery_id is None:
        return False
    query = (
        select(Delivery.state, Delivery.attempt_count, Endpoint.status)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .where(Delivery.id == advance.until_delivery_id, col(Endpoint.deleted_at).is_(None))
    )
    found = (await session.exec(query)).first()
    if found is None:
        return True
    state, attempt_count, endpoint_status = found
    if state is not DeliveryState.PENDING or endpoint_status is not EndpointStatus.ACTIVE:
        return True
    return advance.until_attempt is not None and attempt_count >= advance.until_attempt


async def _bring_nearer(session: AsyncSession, skip: timedelta, now: datetime) -> None:
    """Move the plan of the bound sandbox, and nothing that happens in real time.

    Leases, dates, ids, the expiry of sandboxes, idempotency keys and retention are not moved.
    """
    is_pending = and_(
        in_bound_sandbox(Delivery.sandbox), col(Delivery.state) == DeliveryState.PENDING
    )
    skip_ms = skip // timedelta(milliseconds=1)
    skipped = {"skipped_ms": col(Delivery.skipped_ms) + skip_ms}
    await _move(session, Delivery.next_attempt_at, skip, is_pending, **skipped)
    in_sandbox = in_bound_sandbox(Endpoint.sandbox)
    for column in (Endpoint.probe_at, Endpoint.hold_until):
        await _move(session, column, skip, in_sandbox, col(column) > now)
    theirs = col(EndpointSecret.endpoint_id).in_(select(Endpoint.id).where(in_sandbox))
    is_live = col(EndpointSecret.expires_at) > now
    await _move(session, EndpointSecret.expires_at, skip, theirs, is_live)


async def _move(
    session: AsyncSession,
    column: Any,
    skip: timedelta,
    *where: ColumnElement[bool],
    **also: ColumnElement[int],
) -> None:
    """Make a stored time earlier. ``also``: other columns to set."""
    moved = update(column.class_).where(*where).values({column.key: earlier(column, skip), **also})
    await session.exec(moved.execution_options(synchronize_session=False))


def _note(advance: SandboxClock, step: Step) -> None:
    """Store how far the advance has come."""
    advance.skipped_ms += step.skip_ms
    advance.remaining_ms = step.remaining_ms
    if step.is_last:
        end(advance)


def _advance_to_lock() -> SelectOfScalar[SandboxClock]:
    is_advancing = (in_bound_sandbox(SandboxClock.sandbox), col(SandboxClock.is_advancing))
    # Another worker that has the lock takes the step; ignored on SQLite.
    return select(SandboxClock).where(*is_advancing).with_for_update(skip_locked=True)


def can_take_step() -> ColumnElement[bool]:
    """Return the SQL condition for a clock that advances, with nothing in flight."""
    in_flight = core_select(col(Delivery.id)).where(
        filtered(col(Delivery.sandbox)) == col(SandboxClock.sandbox),
        col(Delivery.state) == DeliveryState.SENDING,
    )
    # The same text as in the index "advancing_clocks": otherwise SQLite does not use it.
    return and_(col(SandboxClock.is_advancing) == true(), ~in_flight.exists())


# Built once: each look executes it.
_ADVANCING = (
    core_select(col(SandboxClock.sandbox))
    .where(can_take_step())
    .order_by(col(SandboxClock.sandbox))
    .limit(bindparam("max_rows", type_=Integer))
)
