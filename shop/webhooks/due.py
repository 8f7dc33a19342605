"""What may be sent now: conditions for ``claims``, and the look for it by which workers are woken.

A delivery is due when its wait is over and its endpoint may be sent to, or when the worker that had
claimed it is gone. Knows no queue: what is found here is found whatever became of Redis.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, exists, not_, or_
from sqlmodel import and_, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus

# Clocks of several machines differ a little; more than this is a clock that was set back.
CLOCK_TOLERANCE = timedelta(seconds=5)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


async def find_due(
    session: AsyncSession,
    *,
    now: datetime,
    longest_lease: timedelta,
    limit: int,
    is_thorough: bool = True,
) -> list[str]:
    """Ids of deliveries that may be claimed, the longest waiting first, each endpoint its share.

    What an endpoint has in flight counts: waking workers for more than its share would only have
    them ask the database in vain. Every query here is answered from an index and takes no longer
    when a million deliveries wait, but the one for clocks that were set back: ``is_thorough``.
    """
    due = await _due_by_endpoint(session, now, longest_lease)
    due += await _select_due(session, _passes_breaker(now), limit)
    due += await _select_due(session, _is_abandoned(now, longest_lease), limit)
    if is_thorough:
        due += await _select_due(session, _is_misdated(now), limit)
    return list(dict.fromkeys(delivery_id for _moment, delivery_id in sorted(due)))[:limit]


DueAt = tuple[datetime, str]  # a moment and the delivery that is due at it


async def _due_by_endpoint(
    session: AsyncSession, now: datetime, longest_lease: timedelta
) -> list[DueAt]:
    waits = exists().where(col(Delivery.endpoint_id) == col(Endpoint.id), has_waited(now))
    found = (await session.exec(select(Endpoint).where(waits))).all()
    endpoints = {each.id: each for each in found if may_be_sent_to(each, now)}
    room = await free_places(session, endpoints, longest_lease, now)
    due: list[DueAt] = []
    for endpoint_id in endpoints:
        if room[endpoint_id] > 0:
            of_endpoint = and_(col(Delivery.endpoint_id) == endpoint_id, has_waited(now))
            due += await _select_due(session, of_endpoint, room[endpoint_id])
    return due


async def _select_due(
    session: AsyncSession, condition: ColumnElement[bool], limit: int
) -> list[DueAt]:
    query = (
        select(Delivery.next_attempt_at, Delivery.id)
        .where(condition)
        .order_by(col(Delivery.next_attempt_at))
        .limit(limit)
    )
    return [(moment or _LONG_AGO, delivery_id) for moment, delivery_id in await session.exec(query)]


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
                col(Delivery.passes_breaker),
                col(Delivery.endpoint_id).in_(
                    select(Endpoint.id).where(
                        or_(col(Endpoint.probe_at).is_(None), col(Endpoint.probe_at) <= now)
                    )
                ),
            ),
        ),
        _is_abandoned(now, longest_lease),
    )


def may_be_sent_to(endpoint: Endpoint, now: datetime) -> bool:
    """Whether what waits for it is due; a delivery that passes the breaker is due anyhow."""
    is_closed = endpoint.probe_at is None or endpoint.probe_at <= now
    return endpoint.status is EndpointStatus.ACTIVE and is_closed


async def free_places(
    session: AsyncSession, endpoints: Mapping[str, Endpoint], lease: timedelta, now: datetime
) -> dict[str, int]:
    """How many more of each endpoint may be in flight; by any worker that is alive."""
    busy = (
        select(Delivery.endpoint_id, func.count())
        .where(
            col(Delivery.endpoint_id).in_(endpoints),
            Delivery.state == DeliveryState.SENDING,
            is_leased(Delivery, now, lease),
        )
        .group_by(col(Delivery.endpoint_id))
    )
    in_flight = dict((await session.exec(busy)).all())
    return {
        id_: (1 if endpoint.probe_at else endpoint.places) - in_flight.get(id_, 0)
        for id_, endpoint in endpoints.items()
    }


def has_waited(now: datetime) -> ColumnElement[bool]:
    """A wait that is over. What the endpoint says to that is another question."""
    return and_(col(Delivery.state) == DeliveryState.PENDING, col(Delivery.next_attempt_at) <= now)


def _passes_breaker(now: datetime) -> ColumnElement[bool]:
    """What a person sends again singly, although the circuit breaker is open."""
    behind_breaker = select(Endpoint.id).where(
        Endpoint.status == EndpointStatus.ACTIVE, col(Endpoint.probe_at) > now
    )
    return and_(
        has_waited(now),
        col(Delivery.endpoint_id).in_(behind_breaker),
        col(Delivery.passes_breaker),
    )


def _is_abandoned(now: datetime, longest_lease: timedelta) -> ColumnElement[bool]:
    """What a worker had claimed that is gone."""
    return and_(
        col(Delivery.state) == DeliveryState.SENDING,
        not_(is_leased(Delivery, now, longest_lease)),
    )


def _is_misdated(now: datetime) -> ColumnElement[bool]:
    """A wait that began in the future: the clock was set back, and it could last for ever."""
    return and_(
        col(Delivery.state) == DeliveryState.PENDING,
        col(Delivery.next_attempt_at) > now,
        col(Delivery.waits_since) > now + CLOCK_TOLERANCE,
        col(Delivery.endpoint_id).in_(
            select(Endpoint.id).where(
                Endpoint.status == EndpointStatus.ACTIVE,
                or_(col(Endpoint.probe_at).is_(None), col(Endpoint.probe_at) <= now),
            )
        ),
    )


def is_leased(
    delivery: type[Delivery], now: datetime, longest_lease: timedelta
) -> ColumnElement[bool]:
    """Whether the worker that claimed it may still be at it."""
    return and_(
        col(delivery.lease_expires_at) > now,
        col(delivery.lease_expires_at) <= now + longest_lease + CLOCK_TOLERANCE,
    )
