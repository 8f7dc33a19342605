"""Whether the deliveries of a sandbox, or of one order, are finished."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.queries.dashboard_stats import read_waiting


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
        next_attempt_at=await _next_attempt_at(session) if waiting.pending else None,
    )


async def _next_attempt_at(session: AsyncSession) -> datetime | None:
    """Return when the next pending delivery of an active endpoint is sent, or None."""
    pending = (
        select(func.min(Delivery.next_attempt_at))
        .where(Delivery.endpoint_id == Endpoint.id, Delivery.state == DeliveryState.PENDING)
        .correlate(Endpoint)
    )
    passing = pending.where(col(Delivery.passes_breaker))
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


async def is_order_settled(session: AsyncSession, order_id: str) -> bool:
    """Return whether no delivery of the order is pending or sending.

    Those that wait for a paused or disabled endpoint do not count.
    """
    is_pending = and_(
        col(Delivery.state) == DeliveryState.PENDING,
        col(Endpoint.status) == EndpointStatus.ACTIVE,
    )
    unfinished = (
        select(Delivery.id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .where(
            Message.order_id == order_id,
            or_(is_pending, col(Delivery.state) == DeliveryState.SENDING),
        )
        .limit(1)
    )
    return (await session.exec(unfinished)).first() is None
