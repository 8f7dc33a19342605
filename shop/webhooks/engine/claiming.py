"""Claims due deliveries, so that exactly one worker sends each.

A delivery is due if its ``next_attempt_at`` has passed and its endpoint is active, is not on hold
and has a closed circuit breaker. Each endpoint gets its share: only so many requests to it may be
in flight. A claim has a lease, in case its worker dies, and a fencing number, in case that worker
comes back to life.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlmodel import col

from shop.database.models import Delivery, Endpoint, Message
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks import states
from shop.webhooks.endpoints.secrets import EncryptedSecret, encrypted_secrets

# The longest lease that any worker may give, whatever its settings: a request of 60 s and a margin.
MAX_LEASE = timedelta(seconds=63)
# Clocks of several machines differ a little; more than this is a clock that was set back.
CLOCK_TOLERANCE = timedelta(seconds=5)

Moment = datetime | BindParameter[datetime]  # in a statement that is built once: its name


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make a delivery's next attempt, and all that it takes to make it.

    Valid as long as ``fence`` is the delivery's newest number. ``body``: the stored bytes.
    ``secrets``: those that sign now, newest first, still encrypted.
    """

    delivery_id: str
    endpoint_id: str
    message_id: str
    message_created_at: datetime
    order_id: str | None
    body: bytes
    attempt_count: int  # before this one
    reconnect_count: int
    counted_as_failed: bool
    trigger: Trigger
    waits_since: datetime
    due_at: datetime
    delay: dict[str, float] | None
    fence: int
    webhook_url: str
    secrets: Sequence[EncryptedSecret]

    @property
    def attempt_number(self) -> int:
        """Counts from 1."""
        return self.attempt_count + 1

    @property
    def facts(self) -> dict[str, object]:
        """What a line of the log about it should carry, as ``extra``."""
        return {
            "delivery_id": self.delivery_id,
            "attempt": self.attempt_number,
            "message_id": self.message_id,
            "endpoint_id": self.endpoint_id,
            "order_id": self.order_id,
        }


@dataclass(frozen=True, slots=True)
class Claimed:
    """``has_more``: the limit cut it short, so there may be more for somebody to claim."""

    claims: Sequence[Claim] = ()
    has_more: bool = False


@dataclass(slots=True)
class EndpointInPlay:
    """An endpoint whose row the transaction has locked; its columns are those of the model.

    ``may_have_due``: False if nothing can be claimed for it, so that asking would be in vain.
    """

    id: str
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


def lock_endpoints_in_play(
    connection: Connection, *, also: Collection[str], now: datetime
) -> dict[str, EndpointInPlay]:
    """Return the endpoints for which something is due, and those with the ids in ``also``.

    Until the transaction ends, no other worker claims for them. (PostgreSQL locks their rows, in
    the order of their ids; on SQLite one transaction writes at a time anyway.)
    """
    rows = connection.execute(_ENDPOINTS_IN_PLAY, {"now": now, "also": list(also)})
    return {row.id: EndpointInPlay(*row) for row in rows}


def is_anything_due(connection: Connection, *, now: datetime) -> bool:
    """Return whether some endpoint has a delivery that is due, or that a dead worker left."""
    # One statement: a worker at rest does little else.
    values = {"now": now, "end_of_longest_lease": _end_of_longest_lease(now)}
    return bool(connection.scalar(_IS_ANYTHING_DUE, values))


def release_abandoned(connection: Connection, *, now: datetime) -> None:
    """Make deliveries due again whose worker let its lease run out.

    What becomes of them is then decided as for all others: an endpoint may be paused by now.
    """
    states.release(connection, _is_abandoned(now, _end_of_longest_lease(now)))


async def mend_misdated(database: Database, *, now: datetime) -> None:
    """Make due what waits since a moment in the future: the clock was set back meanwhile.

    It could wait for years otherwise. This looks at all that waits, so it should not run often.
    """
    misdated = and_(
        col(Delivery.state) == DeliveryState.PENDING,
        col(Delivery.next_attempt_at) > now,
        col(Delivery.waits_since) > now + CLOCK_TOLERANCE,
    )
    async with database.reading() as session:
        if await session.scalar(select(col(Delivery.id)).where(misdated).limit(1)) is None:
            return
    async with database.writing() as session:
        mend = update(Delivery).where(misdated).values(next_attempt_at=now, waits_since=now)
        await session.exec(mend.execution_options(synchronize_session=False))


def claim_due(
    connection: Connection,
    endpoints: Collection[EndpointInPlay],
    *,
    limit: int,
    lease: timedelta,
    now: datetime,
) -> Claimed:
    """Claim up to ``limit`` due deliveries of these endpoints, which the transaction has locked.

    Nothing is claimed for an endpoint that is paused, disabled or deleted, whatever waits for it.
    """
    endpoints = [each for each in endpoints if each.may_have_due and _is_in_service(each)]
    if limit <= 0 or not endpoints:
        return Claimed()
    slots = _free_slots(connection, endpoints)
    rows: list[Any] = []
    has_more = False
    for position, endpoint in enumerate(endpoints):
        # What one endpoint does not need is shared among those after it.
        share = math.ceil((limit - len(rows)) / (len(endpoints) - position))
        wanted = min(share, slots[endpoint.id])
        if wanted > 0:
            found = _due_of(connection, endpoint, wanted, now)
            rows += found
            has_more |= len(found) == share
    if not rows:
        return Claimed(has_more=has_more)
    states.claim(connection, [row.id for row in rows], lease_expires_at=now + lease)
    return Claimed(_claims(connection, rows, endpoints, now), has_more)


def can_send_to(endpoint: Endpoint | EndpointInPlay, now: datetime) -> bool:
    """Return whether deliveries to it are sent; those that pass a breaker are in any case."""
    return (
        _is_in_service(endpoint)
        and (endpoint.probe_at is None or endpoint.probe_at <= now)
        and (endpoint.hold_until is None or endpoint.hold_until <= now)
    )


def _is_in_service(endpoint: Endpoint | EndpointInPlay) -> bool:
    return endpoint.status is EndpointStatus.ACTIVE and endpoint.deleted_at is None


def _is_due(now: Moment) -> ColumnElement[bool]:
    return and_(col(Delivery.state) == DeliveryState.PENDING, col(Delivery.next_attempt_at) <= now)


def _has_due_delivery(now: Moment) -> ColumnElement[bool]:
    """Answered from indexes, endpoint by endpoint, however many deliveries wait."""
    due = select(col(Delivery.id)).where(
        col(Delivery.endpoint_id) == col(Endpoint.id), _is_due(now)
    )
    passing = select(col(Delivery.endpoint_id)).where(_is_due(now), col(Delivery.passes_breaker))
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


def _is_abandoned(now: Moment, end_of_longest_lease: Moment) -> ColumnElement[bool]:
    """Whether a lease has run out, or ends later than any can: then the clock was set back."""
    is_leased = and_(
        col(Delivery.lease_expires_at) > now,
        col(Delivery.lease_expires_at) <= end_of_longest_lease,
    )
    return not_(is_leased)


def _free_slots(connection: Connection, endpoints: Collection[EndpointInPlay]) -> Mapping[str, int]:
    """Return how many more requests to each endpoint may be in flight, from any worker."""
    ids = [endpoint.id for endpoint in endpoints]
    # A statement of its own, after the lock: only then it sees what another worker has claimed.
    taken = {row.endpoint_id: row.taken for row in connection.execute(_IN_FLIGHT, {"ids": ids})}
    return {
        # While the breaker is open, one request at a time is the probe.
        endpoint.id: (1 if endpoint.probe_at else endpoint.places) - taken.get(endpoint.id, 0)
        for endpoint in endpoints
    }


_COLUMNS: tuple[Any, ...] = (
    Delivery.id,
    Delivery.endpoint_id,
    Delivery.message_id,
    col(Message.created_at).label("message_created_at"),
    Message.order_id,
    Message.body,
    Delivery.attempt_count,
    Delivery.reconnect_count,
    Delivery.counted_as_failed,
    Delivery.next_trigger,
    Delivery.waits_since,
    Delivery.next_attempt_at,
    Delivery.next_delay,
    Delivery.fence,
)


def _due_of(
    connection: Connection, endpoint: EndpointInPlay, limit: int, now: datetime
) -> Sequence[Any]:
    """Return the rows of an endpoint's due deliveries, the longest waiting first."""
    query = _DUE if can_send_to(endpoint, now) else _DUE_THAT_PASSES_BREAKERS
    values = {"now": now, "endpoint": endpoint.id, "max_rows": limit}
    return connection.execute(query, values).all()


def _claims(
    connection: Connection,
    rows: Sequence[Any],
    endpoints: Collection[EndpointInPlay],
    now: datetime,
) -> list[Claim]:
    urls = {endpoint.id: endpoint.webhook_url for endpoint in endpoints}
    secrets = encrypted_secrets(connection, {row.endpoint_id for row in rows}, now=now)
    return [
        Claim(
            delivery_id=row.id,
            endpoint_id=row.endpoint_id,
            message_id=row.message_id,
            message_created_at=row.message_created_at,
            order_id=row.order_id,
            body=row.body,
            attempt_count=row.attempt_count,
            reconnect_count=row.reconnect_count,
            counted_as_failed=row.counted_as_failed,
            trigger=row.next_trigger,
            waits_since=row.waits_since,
            due_at=row.next_attempt_at,
            delay=row.next_delay,
            fence=row.fence + 1,
            webhook_url=urls[row.endpoint_id],
            secrets=secrets[row.endpoint_id],
        )
        for row in rows
    ]


# Each look executes these. To build them anew costs several times as much as to execute them.
_NOW: Moment = bindparam("now")
_ENDPOINTS_IN_PLAY = (
    select(
        *(col(getattr(Endpoint, name)) for name in EndpointInPlay.__slots__[:-1]),
        _has_due_delivery(_NOW),
    )
    .where(
        or_(
            col(Endpoint.id).in_(bindparam("also", expanding=True)),
            _has_due_delivery(_NOW),
        )
    )
    .order_by(col(Endpoint.id))
    .with_for_update(key_share=True)
)
_IS_ANYTHING_DUE = select(
    or_(
        exists().where(_has_due_delivery(_NOW)),
        exists().where(
            col(Delivery.state) == DeliveryState.SENDING,
            _is_abandoned(_NOW, bindparam("end_of_longest_lease")),
        ),
    )
)
_IN_FLIGHT = (
    select(col(Delivery.endpoint_id), func.count().label("taken"))
    .where(
        col(Delivery.endpoint_id).in_(bindparam("ids", expanding=True)),
        col(Delivery.state) == DeliveryState.SENDING,
    )
    .group_by(col(Delivery.endpoint_id))
)
_DUE = (
    select(*_COLUMNS)
    .join(Message, col(Message.id) == Delivery.message_id)
    .where(col(Delivery.endpoint_id) == bindparam("endpoint"), _is_due(_NOW))
    .order_by(col(Delivery.next_attempt_at))
    .limit(bindparam("max_rows", type_=Integer))
    .with_for_update(of=Delivery, skip_locked=True)  # SQLite has no such thing, nor needs it
)
_DUE_THAT_PASSES_BREAKERS = _DUE.where(col(Delivery.passes_breaker))
