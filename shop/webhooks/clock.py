"""The clock of a sandbox: skips time by moving its plan, not the time.

An advance goes some distance, or to an attempt, a probe or the end of a delivery. It is a row of
the database while it is under way; workers take its steps (see ``engine.clock_steps``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.sandbox_rules import MAX_ADVANCE
from shop.database.bound_session import in_bound_sandbox
from shop.database.locks import advisory_lock
from shop.database.models import Delivery, Endpoint, SandboxClock
from shop.vocabulary import ClockState, DeliveryState, EndpointStatus
from shop.webhooks.queries.quiescence import Quiescence, read_quiescence
from shop.webhooks.rules.advances import MAX_PENDING, MILLISECOND, ms_until, whole_ms

_MAX_ADVANCE_MS = whole_ms(MAX_ADVANCE)


class AlreadyAdvancing(Exception):  # noqa: N818 – the name says what happened
    """An advance is under way in this sandbox. The message is for the client."""


class NothingToSkip(Exception):  # noqa: N818 – the name says what happened
    """There is no planned moment to go to. The message is for the client."""


class TooManyPending(Exception):  # noqa: N818 – the name says what happened
    """More deliveries wait than an advance can move. The message is for the client."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The clock of a sandbox.

    ``skipped``: by all advances since the sandbox was made or emptied. ``remaining``: how far the
    advance under way still goes at most; None: to the next attempt. ``quiescence``: what the next
    step waits for. ``in_flight_until``: when the last lease of what is in flight ends;
    None without any.
    """

    is_advancing: bool
    skipped: timedelta
    remaining: timedelta | None
    quiescence: Quiescence
    in_flight_until: datetime | None

    @property
    def state(self) -> ClockState:
        """Whether an advance is under way."""
        return ClockState.ADVANCING if self.is_advancing else ClockState.READY


async def read_clock(session: AsyncSession, *, now: datetime) -> ClockReading:
    """Return the clock of the sandbox."""
    clock = await _find(session) or SandboxClock(remaining_ms=0)
    leases = select(func.max(Delivery.lease_expires_at)).where(
        Delivery.state == DeliveryState.SENDING
    )
    return ClockReading(
        is_advancing=clock.is_advancing,
        skipped=clock.skipped_ms * MILLISECOND,
        remaining=None if clock.remaining_ms is None else clock.remaining_ms * MILLISECOND,
        quiescence=await read_quiescence(session, now=now),
        in_flight_until=(await session.exec(leases)).one(),
    )


async def advance(session: AsyncSession, distance: timedelta) -> None:
    """Start an advance of this distance. Raise ``AlreadyAdvancing`` or ``TooManyPending``."""
    await _start(session, whole_ms(distance))


async def advance_to_next_attempt(session: AsyncSession, *, now: datetime) -> None:
    """Start an advance to the next attempt of any delivery.

    If one is in flight, its retry may be the next attempt. Raise ``NothingToSkip`` if none is
    planned or in flight, and what ``advance`` raises.
    """
    if (await read_quiescence(session, now=now)).is_settled:
        raise NothingToSkip(
            "no attempt is planned: nothing is pending, except for paused and disabled endpoints"
        )
    await _start(session, None)


async def advance_to_attempt_of(session: AsyncSession, delivery_id: str) -> bool:
    """Start an advance to the next attempt of this delivery. Return False if there is none.

    Attempts of others that are planned before are made, too. Raise ``NothingToSkip`` if the
    delivery has ended or its endpoint is paused or disabled, and what ``advance`` raises.
    """
    delivery = await _find_unfinished(session, delivery_id)
    if delivery is None:
        return False
    await _start(session, _MAX_ADVANCE_MS, delivery.id, until_attempt=delivery.attempt_count + 1)
    return True


async def advance_to_end_of(session: AsyncSession, delivery_id: str) -> bool:
    """Start an advance until this delivery has succeeded or failed.

    See ``advance_to_attempt_of`` for the rest.
    """
    delivery = await _find_unfinished(session, delivery_id)
    if delivery is None:
        return False
    await _start(session, _MAX_ADVANCE_MS, delivery.id)
    return True


async def advance_to_probe_of(session: AsyncSession, endpoint_id: str, *, now: datetime) -> bool:
    """Start an advance until an endpoint's circuit breaker or Retry-After lets a delivery pass.

    Return False if there is no such endpoint. Raise ``NothingToSkip`` if neither holds deliveries
    back, and what ``advance`` raises.
    """
    endpoint = await session.get(Endpoint, endpoint_id)
    if endpoint is None or endpoint.deleted_at:
        return False
    first = select(func.min(Delivery.next_attempt_at)).where(
        Delivery.endpoint_id == endpoint_id, Delivery.state == DeliveryState.PENDING
    )
    held_until = [at for at in (endpoint.probe_at, endpoint.hold_until) if at and at > now]
    # A probe is a delivery, which may be planned for later.
    planned = [*held_until, (await session.exec(first)).one() or now]
    distance = ms_until(max(planned), now)
    if not held_until or not distance or endpoint.status is not EndpointStatus.ACTIVE:
        raise NothingToSkip(
            "neither a circuit breaker nor Retry-After holds deliveries of this endpoint back"
        )
    await _start(session, distance)
    return True


def end(clock: SandboxClock) -> None:
    """End the advance."""
    clock.is_advancing = False
    clock.remaining_ms = 0
    clock.until_delivery_id = clock.until_attempt = None


async def _start(
    session: AsyncSession,
    distance_ms: int | None,
    until_delivery_id: str | None = None,
    *,
    until_attempt: int | None = None,
) -> None:
    await advisory_lock(session, "clock")  # there may be no row to lock
    clock = await _find(session, locked=True) or SandboxClock()
    if clock.is_advancing:
        raise AlreadyAdvancing(
            "an advance is under way; wait until GET /v1/clock?wait=10 says ready, then try again"
        )
    await _require_few_pending(session)
    clock.is_advancing = True
    clock.remaining_ms = distance_ms
    clock.until_delivery_id, clock.until_attempt = until_delivery_id, until_attempt
    session.add(clock)


async def _require_few_pending(session: AsyncSession) -> None:
    pending = (
        select(Delivery.id)
        .where(in_bound_sandbox(Delivery.sandbox), Delivery.state == DeliveryState.PENDING)
        .limit(MAX_PENDING + 1)
    )
    count = (await session.exec(select(func.count()).select_from(pending.subquery()))).one()
    if count > MAX_PENDING:
        raise TooManyPending(
            f"more than {MAX_PENDING} deliveries are pending, and each step moves all of them; "
            "deliver or cancel some, or use a sandbox of your own"
        )


async def _find(session: AsyncSession, *, locked: bool = False) -> SandboxClock | None:
    query = select(SandboxClock).where(in_bound_sandbox(SandboxClock.sandbox))
    if locked:
        query = query.with_for_update(key_share=True)
    return (await session.exec(query)).first()


async def _find_unfinished(session: AsyncSession, delivery_id: str) -> Delivery | None:
    """Return the delivery. Raise ``NothingToSkip`` if it will not be attempted."""
    query = (
        select(Delivery, Endpoint.status, Endpoint.deleted_at)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .where(Delivery.id == delivery_id)
    )
    found = (await session.exec(query)).first()
    if found is None:
        return None
    delivery, status, deleted_at = found
    if delivery.state not in {DeliveryState.PENDING, DeliveryState.SENDING}:
        raise NothingToSkip(f"the delivery has ended: it is {delivery.state}")
    if deleted_at or status is not EndpointStatus.ACTIVE:
        raise NothingToSkip(
            f"its endpoint is {'deleted' if deleted_at else status}; nothing is sent to it"
        )
    return delivery
