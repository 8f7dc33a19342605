"""Finds the endpoints and deliveries that are due.

A pending delivery is due if its ``next_attempt_at`` has passed. Its endpoint must be active, have a
closed circuit breaker and not be on hold. Breaker and hold do not apply to a delivery that passes
the breaker. The rule for one endpoint is ``can_send_to``; ``_has_due_delivery`` is the same in SQL.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    union_all,
    update,
)
from sqlmodel import col

from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks import states
from shop.webhooks.engine.clock_steps import can_take_step

# The longest lease of any worker, with any settings: a request timeout of 60 s and LEASE_MARGIN.
MAX_LEASE = timedelta(seconds=63)
# Clocks of different machines differ a little. A larger difference: a clock was set back.
CLOCK_TOLERANCE = timedelta(seconds=5)

TimeValue = datetime | BindParameter[datetime]  # a parameter in statements that are built once


@dataclass(slots=True)
class LockedEndpoint:
    """An endpoint whose row is locked until the transaction ends.

    ``may_have_due``: whether to look for due deliveries. The other fields are columns of
    ``models.Endpoint``.
    """

    id: str
    sandbox: int
    webhook_url: str
    status: EndpointStatus
    disabled_reason: str | None
    failed_deliveries: int
    failed_attempts: int
    probe_at: datetime | None
    places: int
    hold_until: datetime | None
    deleted_at: datetime | None
    may_have_due: bool


def lock_due_endpoints(
    connection: Connection, *, also: Collection[str], now: datetime
) -> dict[str, LockedEndpoint]:
    """Lock the endpoints that have due deliveries, and those with the ids in ``also``.

    Return them by id. Until the transaction ends, no other worker claims deliveries of them.
    PostgreSQL locks their rows in the order of their ids. SQLite has only one writer at a time.
    """
    rows = connection.execute(_ENDPOINTS_TO_LOCK, {"now": now, "also": list(also)})
    return {row[0]: LockedEndpoint(*row) for row in rows}


def is_anything_due(connection: Connection, *, now: datetime) -> bool:
    """Return whether anything is to be done.

    That is: a delivery is due or was left behind by a worker that died, or a clock can take a step.
    """
    # One statement, because an idle worker does little else.
    values = {"now": now, "end_of_longest_lease": _end_of_longest_lease(now)}
    return bool(connection.scalar(_IS_ANYTHING_DUE, values))


def release_abandoned(connection: Connection, *, now: datetime) -> None:
    """Make deliveries pending again whose lease has expired because their worker died."""
    states.release(connection, _is_abandoned(now, _end_of_longest_lease(now)))


async def correct_future_times(database: Database, *, now: datetime) -> None:
    """Make pending deliveries due now if their ``waits_since`` is in the future.

    That happens when a clock was set back; they could otherwise wait for years. This reads all
    pending deliveries, so it should not run often.
    """
    is_misdated = and_(
        col(Delivery.state) == DeliveryState.PENDING,
        col(Delivery.next_attempt_at) > now,
        col(Delivery.waits_since) > now + CLOCK_TOLERANCE,
    )
    async with database.reading() as session:
        if await session.scalar(select(col(Delivery.id)).where(is_misdated).limit(1)) is None:
            return
    async with database.writing() as session:
        correct = update(Delivery).where(is_misdated).values(next_attempt_at=now, waits_since=now)
        await session.exec(correct.execution_options(synchronize_session=False))


def can_send_to(endpoint: Endpoint | LockedEndpoint, now: datetime) -> bool:
    """Return whether the endpoint's deliveries are sent now.

    If not, those that pass the breaker are still sent, as long as ``is_active(endpoint)``.
    """
    return (
        is_active(endpoint)
        and (endpoint.probe_at is None or endpoint.probe_at <= now)
        and (endpoint.hold_until is None or endpoint.hold_until <= now)
    )


def is_active(endpoint: Endpoint | LockedEndpoint) -> bool:
    """Return whether the endpoint is neither paused nor disabled nor deleted."""
    return endpoint.status is EndpointStatus.ACTIVE and endpoint.deleted_at is None


def is_due(now: TimeValue) -> ColumnElement[bool]:
    """Return the SQL condition for a delivery that is due if its endpoint can be sent to."""
    return and_(col(Delivery.state) == DeliveryState.PENDING, col(Delivery.next_attempt_at) <= now)


def _with_pending() -> Select[str]:
    """Return the ids of the endpoints that have pending deliveries.

    The recursion jumps in the index from one endpoint to the next, so the cost does not grow with
    their backlogs, nor with endpoints that have none.
    """
    pending = select(func.min(col(Delivery.endpoint_id)).label("id")).where(
        col(Delivery.state) == DeliveryState.PENDING
    )
    found = pending.cte("with_pending", recursive=True)
    following = pending.where(col(Delivery.endpoint_id) > found.c.id).scalar_subquery()
    found = found.union_all(select(following).where(found.c.id.is_not(None)))
    return select(found.c.id).where(found.c.id.is_not(None))


def _has_due_delivery(now: TimeValue) -> ColumnElement[bool]:
    """Return the SQL condition for an endpoint with a due delivery.

    Indexes answer it, endpoint by endpoint, so a large backlog does not slow it down. Ask it about
    few endpoints only: those of ``_with_pending``.
    """
    due = select(col(Delivery.id)).where(col(Delivery.endpoint_id) == col(Endpoint.id), is_due(now))
    passing = select(col(Delivery.endpoint_id)).where(is_due(now), col(Delivery.passes_breaker))
    return and_(
        col(Endpoint.status) == EndpointStatus.ACTIVE,
        col(Endpoint.deleted_at).is_(None),
        or_(
            and_(
                or_(col(Endpoint.probe_at).is_(None), col(Endpoint.probe_at) <= now),
                or_(col(Endpoint.hold_until).is_(None), col(Endpoint.hold_until) <= now),
                due.exists(),
            ),
            col(Endpoint.id).in_(passing),
        ),
    )


def _end_of_longest_lease(now: datetime) -> datetime:
    return now + MAX_LEASE + CLOCK_TOLERANCE


def _is_abandoned(now: TimeValue, end_of_longest_lease: TimeValue) -> ColumnElement[bool]:
    """Return the SQL condition for a lease that has expired, or that ends later than any can.

    The latter happens when a clock was set back.
    """
    is_leased = and_(
        col(Delivery.lease_expires_at) > now,
        col(Delivery.lease_expires_at) <= end_of_longest_lease,
    )
    return not_(is_leased)


# Built once: building a statement takes several times as long as executing it.
NOW: TimeValue = bindparam("now")
_ALSO = col(Endpoint.id).in_(bindparam("also", expanding=True))
_COLUMNS: tuple[Any, ...] = (
    *(col(getattr(Endpoint, name)) for name in LockedEndpoint.__slots__[:-1]),
    _has_due_delivery(NOW),
)
_ENDPOINTS_TO_LOCK = (
    select(*_COLUMNS)
    .where(
        col(Endpoint.id).in_(union_all(_with_pending(), select(col(Endpoint.id)).where(_ALSO))),
        or_(_ALSO, _has_due_delivery(NOW)),
    )
    .order_by(col(Endpoint.id))
    .with_for_update(key_share=True)
)
_IS_ANYTHING_DUE = select(
    or_(
        exists().where(col(Endpoint.id).in_(_with_pending()), _has_due_delivery(NOW)),
        exists().where(
            col(Delivery.state) == DeliveryState.SENDING,
            _is_abandoned(NOW, bindparam("end_of_longest_lease")),
        ),
        exists().where(can_take_step()),
    )
)
