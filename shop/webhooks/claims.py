"""Which deliveries may be sent now, and the claims of them. Called by ``ledger``.

Of all workers that want a delivery, one changes its row from due to claimed. The claim has an end,
in case that worker dies, and a fencing number, in case it comes back to life.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, exists, not_, or_
from sqlmodel import and_, col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select

from shop.models import Delivery, Endpoint, Message
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks.endpoint_secrets import LockedSecret, locked_secrets

# What becomes of a delivery whose endpoint was deleted.
GIVEN_UP = {
    "state": DeliveryState.CANCELLED,
    "next_attempt_at": None,
    "next_delay": None,
    "lease_expires_at": None,
}
# Clocks of several machines differ a little; more than this is a clock that was set back.
CLOCK_TOLERANCE = timedelta(seconds=5)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the next attempt, as long as ``fence`` is the delivery's newest.

    ``delivery``: as it was before the claim. ``secrets``: those that sign now, newest first, still
    locked.
    """

    delivery: Delivery
    message: Message
    endpoint: Endpoint
    fence: int
    secrets: Sequence[LockedSecret]

    @property
    def attempt_number(self) -> int:
        """Counts from 1."""
        return self.delivery.attempt_count + 1

    @property
    def facts(self) -> dict[str, object]:
        """What a line of the log about it should carry, as ``extra``."""
        return {
            "delivery_id": self.delivery.id,
            "attempt": self.attempt_number,
            "message_id": self.message.id,
            "endpoint_id": self.endpoint.id,
            "order_id": self.message.order_id,
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What to claim: this delivery, or the one that waits longest for this endpoint."""

    delivery_id: str | None = None
    endpoint_id: str | None = None


async def claim_all(
    session: AsyncSession, wishes: Sequence[Wish], *, lease: timedelta, now: datetime
) -> list[Claim | None]:
    """A claim for each wish, in their order; None where nothing is due, or no place is free.

    ``session``: of a writing transaction that holds the endpoints locked (``turns``), so that
    nobody else claims for them meanwhile: an endpoint's share is exact.
    """
    found = await _named(session, wishes, lease, now)
    for endpoint_id, count in Counter(each.endpoint_id for each in wishes).items():
        if endpoint_id:
            # As many more as were named: those may be the ones that have waited longest.
            limit = count + len(found)
            found += await _longest_waiting(session, endpoint_id, limit, now)
    taken = await _with_place(session, await _without_deleted(session, found, now), lease, now)
    await _take(session, taken, lease, now)
    secrets = await locked_secrets(
        session, {endpoint.id for _delivery, _message, endpoint in taken}, now=now
    )
    claims = [
        Claim(delivery, message, endpoint, delivery.fence + 1, secrets[endpoint.id])
        for delivery, message, endpoint in taken
    ]
    return _handed_out(wishes, claims)


Row = tuple[Delivery, Message, Endpoint]


async def _named(
    session: AsyncSession, wishes: Sequence[Wish], lease: timedelta, now: datetime
) -> list[Row]:
    ids = [each.delivery_id for each in wishes if each.delivery_id]
    if not ids:
        return []
    query = _rows().where(col(Delivery.id).in_(ids), is_due(now, longest_lease=lease))
    return [
        (delivery, message, endpoint) for delivery, message, endpoint in await session.exec(query)
    ]


async def _longest_waiting(
    session: AsyncSession, endpoint_id: str, limit: int, now: datetime
) -> list[Row]:
    endpoint = await session.get(Endpoint, endpoint_id)
    if endpoint is None or not _may_be_sent_to(endpoint, now):
        return []
    query = (
        _rows()
        .where(Delivery.endpoint_id == endpoint_id, _has_waited(now))
        .order_by(col(Delivery.next_attempt_at))
        .limit(limit)
    )
    return [
        (delivery, message, endpoint) for delivery, message, endpoint in await session.exec(query)
    ]


def _may_be_sent_to(endpoint: Endpoint, now: datetime) -> bool:
    """Whether what waits for it is due; by hand, one delivery may be in spite of the breaker."""
    is_closed = endpoint.probe_at is None or endpoint.probe_at <= now
    return endpoint.status is EndpointStatus.ACTIVE and is_closed


def _rows() -> Select[Delivery, Message, Endpoint]:
    """Deliveries and what goes with them; locked, where several can write at once."""
    return (
        select(Delivery, Message, Endpoint)
        .join(Message, col(Message.id) == Delivery.message_id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
        .with_for_update(of=Delivery, skip_locked=True)  # SQLite has no such thing, nor needs it
    )


async def _without_deleted(session: AsyncSession, rows: Sequence[Row], now: datetime) -> list[Row]:
    """Give up what a worker has left behind that died, if the endpoint was deleted meanwhile."""
    left_behind = [delivery.id for delivery, _message, endpoint in rows if endpoint.deleted_at]
    if left_behind:
        give_up = update(Delivery).where(col(Delivery.id).in_(left_behind))
        await session.exec(give_up.values(**GIVEN_UP, completed_at=now))
    return [row for row in rows if row[2].deleted_at is None]


async def _with_place(
    session: AsyncSession, rows: Sequence[Row], lease: timedelta, now: datetime
) -> list[Row]:
    """Those for which their endpoint's share has room, each delivery once."""
    endpoints = {endpoint.id: endpoint for _delivery, _message, endpoint in rows}
    room = await _room(session, endpoints, lease, now)
    taken: dict[str, Row] = {}
    for row in rows:
        delivery, _message, endpoint = row
        if delivery.id not in taken and room[endpoint.id] > 0:
            taken[delivery.id] = row
            room[endpoint.id] -= 1
    return list(taken.values())


async def _room(
    session: AsyncSession, endpoints: Mapping[str, Endpoint], lease: timedelta, now: datetime
) -> dict[str, int]:
    """How many more of each endpoint may be in flight; by any worker that is alive."""
    busy = (
        select(Delivery.endpoint_id, func.count())
        .where(
            col(Delivery.endpoint_id).in_(endpoints),
            Delivery.state == DeliveryState.SENDING,
            _is_leased(Delivery, now, lease),
        )
        .group_by(col(Delivery.endpoint_id))
    )
    in_flight = dict((await session.exec(busy)).all())
    return {
        id_: (1 if endpoint.probe_at else endpoint.places) - in_flight.get(id_, 0)
        for id_, endpoint in endpoints.items()
    }


async def _take(
    session: AsyncSession, rows: Sequence[Row], lease: timedelta, now: datetime
) -> None:
    if not rows:
        return
    take = (
        update(Delivery)
        .where(col(Delivery.id).in_([delivery.id for delivery, _message, _endpoint in rows]))
        .values(state=DeliveryState.SENDING, fence=Delivery.fence + 1, lease_expires_at=now + lease)
        .execution_options(synchronize_session=False)
    )
    await session.exec(take)


def _handed_out(wishes: Sequence[Wish], claims: Sequence[Claim]) -> list[Claim | None]:
    """Each claim to the wish that named it, or else to one for its endpoint."""
    left = {claim.delivery.id: claim for claim in claims}
    named = {
        each.delivery_id: left.pop(each.delivery_id) for each in wishes if each.delivery_id in left
    }
    of_endpoint: dict[str, list[Claim]] = defaultdict(list)
    for claim in reversed(left.values()):
        of_endpoint[claim.endpoint.id].append(claim)
    handed: list[Claim | None] = []
    for each in wishes:
        if each.delivery_id:
            handed.append(named.pop(each.delivery_id, None))
        else:
            rest = of_endpoint[each.endpoint_id or ""]
            handed.append(rest.pop() if rest else None)
    return handed


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
        _is_abandoned(now, longest_lease),
    )


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
    due += await _select_due(session, _is_by_hand(now), limit)
    due += await _select_due(session, _is_abandoned(now, longest_lease), limit)
    if is_thorough:
        due += await _select_due(session, _is_misdated(now), limit)
    return list(dict.fromkeys(delivery_id for _moment, delivery_id in sorted(due)))[:limit]


DueAt = tuple[datetime, str]  # a moment and the delivery that is due at it


async def _due_by_endpoint(
    session: AsyncSession, now: datetime, longest_lease: timedelta
) -> list[DueAt]:
    waits = exists().where(col(Delivery.endpoint_id) == col(Endpoint.id), _has_waited(now))
    found = (await session.exec(select(Endpoint).where(waits))).all()
    endpoints = {each.id: each for each in found if _may_be_sent_to(each, now)}
    room = await _room(session, endpoints, longest_lease, now)
    due: list[DueAt] = []
    for endpoint_id in endpoints:
        if room[endpoint_id] > 0:
            of_endpoint = and_(col(Delivery.endpoint_id) == endpoint_id, _has_waited(now))
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


def _has_waited(now: datetime) -> ColumnElement[bool]:
    return and_(col(Delivery.state) == DeliveryState.PENDING, col(Delivery.next_attempt_at) <= now)


def _is_by_hand(now: datetime) -> ColumnElement[bool]:
    """What a person wants to know now, although the circuit breaker is open."""
    behind_breaker = select(Endpoint.id).where(
        Endpoint.status == EndpointStatus.ACTIVE, col(Endpoint.probe_at) > now
    )
    return and_(
        _has_waited(now),
        col(Delivery.endpoint_id).in_(behind_breaker),
        col(Delivery.next_trigger) == Trigger.MANUAL,
    )


def _is_abandoned(now: datetime, longest_lease: timedelta) -> ColumnElement[bool]:
    """What a worker had claimed that is gone."""
    return and_(
        col(Delivery.state) == DeliveryState.SENDING,
        not_(_is_leased(Delivery, now, longest_lease)),
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


def _is_leased(
    delivery: type[Delivery], now: datetime, longest_lease: timedelta
) -> ColumnElement[bool]:
    """Whether the worker that claimed it may still be at it."""
    return and_(
        col(delivery.lease_expires_at) > now,
        col(delivery.lease_expires_at) <= now + longest_lease + CLOCK_TOLERANCE,
    )
