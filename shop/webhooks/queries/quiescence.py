"""Whether the deliveries of a sandbox, or of one order, are finished."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.queries.dashboard_stats import is_passing, read_waiting


@dataclass(frozen=True, slots=True)
class Quiescence:
    """The unfinished deliveries of a sandbox.

    ``in_flight``: are being sent. ``pending``: wait. Of these, ``due``: could be sent now; at most
    ``MAX_DUE`` are counted for each endpoint. ``held``: their endpoint is paused or disabled, its
    circuit breaker is open, or it sent Retry-After; ``held_by_status``: the first two reasons.
    ``next_attempt_at``: when the next one is sent; None if all are held by a status.
    """

    in_flight: int
    due: int
    pending: int
    held: int
    held_by_status: int
    next_attempt_at: datetime | None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is sent now, and nothing could be."""
        return self.due == self.in_flight == 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing is sent any more, unless a person enables an endpoint."""
        return self.in_flight == 0 and self.pending <= self.held_by_status


async def read_quiescence(session: AsyncSession, *, now: datetime) -> Quiescence:
    """Return the numbers of the sandbox."""
    waiting = await read_waiting(session, now=now)
    return Quiescence(
        in_flight=waiting.sending,
        due=waiting.due,
        pending=waiting.pending,
        held=waiting.held_back,
        held_by_status=waiting.held_by_status,
        next_attempt_at=await _next_attempt_at(session, now) if waiting.pending else None,
    )


async def _next_attempt_at(session: AsyncSession, now: datetime) -> datetime | None:
    """Return when the next pending delivery of an active endpoint is sent, or None."""
    pending = (
        select(func.min(Delivery.next_attempt_at))
        .where(Delivery.endpoint_id == Endpoint.id, Delivery.state == DeliveryState.PENDING)
        .correlate(Endpoint)
    )
    passing = select(func.min(Delivery.next_attempt_at)).where(is_passing(now)).correlate(Endpoint)
    query = select(
        Endpoint.probe_at,
        Endpoint.hold_until,
        pending.scalar_subquery(),
        passing.scalar_subquery(),
    ).where(col(Endpoint.deleted_at).is_(None), Endpoint.status == EndpointStatus.ACTIVE)
    moments: list[datetime] = []
    for probe_at, hold_until, first, passing_at in await session.exec(query):
        if first:
            moments.append(max(at for at in (first, probe_at, hold_until) if at))
        if passing_at:
            moments.append(passing_at)
    return min(moments, default=None)


async def are_settled(session: AsyncSession, deliveries: Iterable[Delivery]) -> bool:
    """Return whether none of these deliveries is pending or sending.

    Those that wait for a paused or disabled endpoint do not count.
    """
    by_state = defaultdict[DeliveryState, set[str]](set)
    for delivery in deliveries:
        by_state[delivery.state].add(delivery.endpoint_id)
    if by_state[DeliveryState.SENDING]:
        return False
    waited_for = by_state[DeliveryState.PENDING]
    active = select(Endpoint.id).where(
        col(Endpoint.id).in_(waited_for), Endpoint.status == EndpointStatus.ACTIVE
    )
    return not waited_for or (await session.exec(active.limit(1))).first() is None
