"""Which deliveries may be sent now, and the claim of one of them. Called by ``delivery``.

A claim is a conditional UPDATE: of all workers that want a delivery, one changes its row. The
claim has an end, in case that worker dies, and a fencing number, in case it comes back to life.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, case, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import and_, col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.models import Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger

# How many deliveries of one endpoint may be in flight: one that hangs must not hold all places.
SHARE_PER_ENDPOINT = 20
# Clocks of several machines differ a little; more than this is a clock that was set back.
CLOCK_TOLERANCE = timedelta(seconds=5)

# An endpoint's share as SQL: one probe at a time while its breaker is open.
_SHARE = case((col(Endpoint.probe_at).is_(None), SHARE_PER_ENDPOINT), else_=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the next attempt, as long as ``fence`` is the delivery's newest."""

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    fence: int

    @property
    def attempt_number(self) -> int:
        """Counts from 1."""
        return self.delivery.attempt_count + 1


async def claim(
    session: AsyncSession, delivery_id: str, *, lease: timedelta, now: datetime
) -> Claim | None:
    """Claim a delivery for ``lease``; None when it is not due, or its endpoint has its share."""
    take = (
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            is_due(now, longest_lease=lease),
            _in_flight(now, lease) < _share(),
        )
        .values(state=DeliveryState.SENDING, fence=Delivery.fence + 1, lease_expires_at=now + lease)
        .execution_options(synchronize_session=False)
    )
    if (await session.exec(take)).rowcount == 0:
        return None
    query = (
        select(Delivery, Message, Endpoint)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .where(Delivery.id == delivery_id)
    )
    delivery, message, endpoint = (await session.exec(query)).one()
    return Claim(delivery, message, endpoint, delivery.fence)


def is_due(now: datetime, *, longest_lease: timedelta) -> ColumnElement[bool]:
    """What may be claimed: a wait that is over, or the lease of a worker that is gone.

    A wait that begins in the future, or a lease that ends too far in it, was written before the
    clock was set back; waiting for it could take for ever.
    """
    waited = or_(
        col(Delivery.next_attempt_at) <= now,
        col(Delivery.waits_since) > now + CLOCK_TOLERANCE,
    )
    return or_(
        and_(
            col(Delivery.state) == DeliveryState.PENDING,
            waited,
            col(Delivery.endpoint_id).in_(
                select(Endpoint.id).where(Endpoint.status == EndpointStatus.ACTIVE)
            ),
            or_(
                col(Delivery.next_trigger) == Trigger.MANUAL,  # a person wants to know now
                col(Delivery.endpoint_id).in_(
                    select(Endpoint.id).where(
                        or_(col(Endpoint.probe_at).is_(None), col(Endpoint.probe_at) <= now)
                    )
                ),
            ),
        ),
        and_(
            col(Delivery.state) == DeliveryState.SENDING,
            not_(_is_leased(Delivery, now, longest_lease)),
        ),
    )


async def find_due(
    session: AsyncSession, *, now: datetime, longest_lease: timedelta, limit: int
) -> list[str]:
    """Ids of deliveries that may be claimed, the longest waiting first, each endpoint its share.

    What an endpoint has in flight counts: waking workers for more than its share would only have
    them ask the database in vain.
    """
    place = func.row_number().over(
        partition_by=col(Delivery.endpoint_id), order_by=col(Delivery.next_attempt_at)
    )
    due = (
        select(Delivery.id, Delivery.endpoint_id, Delivery.next_attempt_at, place.label("place"))
        .where(is_due(now, longest_lease=longest_lease))
        .subquery()
    )
    busy = (
        select(Delivery.endpoint_id, func.count().label("in_flight"))
        .where(Delivery.state == DeliveryState.SENDING, _is_leased(Delivery, now, longest_lease))
        .group_by(col(Delivery.endpoint_id))
        .subquery()
    )
    query = (
        select(due.c.id)
        .join(Endpoint, col(Endpoint.id) == due.c.endpoint_id)
        .outerjoin(busy, busy.c.endpoint_id == due.c.endpoint_id)
        .where(due.c.place <= _SHARE - func.coalesce(busy.c.in_flight, 0))
        .order_by(due.c.next_attempt_at)
        .limit(limit)
    )
    return list((await session.exec(query)).all())


async def find_next(
    session: AsyncSession, endpoint_id: str, *, now: datetime, longest_lease: timedelta
) -> str | None:
    """The delivery that waits longest for this endpoint."""
    query = (
        select(Delivery.id)
        .where(Delivery.endpoint_id == endpoint_id, is_due(now, longest_lease=longest_lease))
        .order_by(col(Delivery.next_attempt_at))
        .limit(1)
    )
    return (await session.exec(query)).first()


def _in_flight(now: datetime, longest_lease: timedelta) -> ScalarSelect[int]:
    """How many deliveries of the same endpoint are being sent, by any worker that is alive."""
    other = aliased(Delivery)
    return (
        select(func.count())
        .where(
            other.endpoint_id == Delivery.endpoint_id,
            other.state == DeliveryState.SENDING,
            _is_leased(other, now, longest_lease),
            other.id != Delivery.id,
        )
        .correlate(Delivery)
        .scalar_subquery()
    )


def _is_leased(
    delivery: type[Delivery], now: datetime, longest_lease: timedelta
) -> ColumnElement[bool]:
    """Whether the worker that claimed it may still be at it."""
    return and_(
        col(delivery.lease_expires_at) > now,
        col(delivery.lease_expires_at) <= now + longest_lease + CLOCK_TOLERANCE,
    )


def _share() -> ScalarSelect[int]:
    return (
        select(_SHARE)
        .where(Endpoint.id == Delivery.endpoint_id)
        .correlate(Delivery)
        .scalar_subquery()
    )
