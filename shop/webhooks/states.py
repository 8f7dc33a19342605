"""The states of a delivery, and the only code that writes ``Delivery.state``.

| transition      | from                                  | to        | reason                   |
|-----------------|---------------------------------------|-----------|--------------------------|
| `new_delivery`  |                                       | pending   | its message was stored   |
| `claim`         | pending                               | sending   | a worker sends it        |
| `release`       | sending                               | pending   | that worker died         |
| `after_attempt` | sending                               | succeeded | a 2xx                    |
| `after_attempt` | sending                               | pending   | failed, a retry follows  |
| `after_attempt` | sending                               | failed    | no retry is left, or 410 |
| `after_attempt` | sending                               | cancelled | its endpoint was deleted |
| `make_due`      | pending, succeeded, failed, cancelled | pending   | a person resends it      |
| `cancel`        | pending                               | cancelled | a person cancels it      |

While a delivery is ``sending``, one worker has its lease and its newest fencing number.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, insert, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery
from shop.ids import new_id
from shop.vocabulary import DeliveryState, EventType, Trigger


def _is_in(*states: DeliveryState) -> ColumnElement[bool]:
    # The concatenation keeps the database from using an index of states instead of the ids.
    return col(Delivery.state).concat("").in_([state.value for state in states])


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery that is due immediately. See ``models.Delivery``."""

    id: str
    sandbox: int
    message_id: str
    endpoint_id: str
    event_type: EventType
    state: DeliveryState
    next_attempt_at: datetime
    waits_since: datetime
    next_trigger: Trigger
    passes_breaker: bool
    created_at: datetime


def new_delivery(  # noqa: PLR0913 – columns by name
    message_id: str,
    event_type: EventType,
    endpoint_id: str,
    *,
    sandbox: int,
    trigger: Trigger = Trigger.AUTOMATIC,
    passes_breaker: bool = False,
    now: datetime,
) -> NewDelivery:
    """Return a delivery to insert. ``passes_breaker``: see ``make_due``."""
    return NewDelivery(
        id=new_id("dlv", now),
        sandbox=sandbox,
        message_id=message_id,
        endpoint_id=endpoint_id,
        event_type=event_type,
        state=DeliveryState.PENDING,
        next_attempt_at=now,
        waits_since=now,
        next_trigger=trigger,
        passes_breaker=passes_breaker,
        created_at=now,
    )


_INSERT = insert(Delivery).values(
    {
        **{name: bindparam(name) for name in NewDelivery.__dataclass_fields__},
        "attempt_count": 0,
        "reconnect_count": 0,
        "counted_as_failed": False,
        "skipped_ms": 0,
        "fence": 0,
    }
)


def insert_deliveries(connection: Connection, deliveries: Sequence[NewDelivery]) -> None:
    """Store new deliveries."""
    if deliveries:
        rows = [
            {name: getattr(each, name) for name in NewDelivery.__slots__} for each in deliveries
        ]
        connection.execute(_INSERT, rows)


_CLAIM = (
    update(Delivery)
    .where(
        col(Delivery.id).in_(bindparam("delivery_ids", expanding=True)),
        _is_in(DeliveryState.PENDING),
    )
    .values(
        state=DeliveryState.SENDING,
        fence=col(Delivery.fence) + 1,
        lease_expires_at=bindparam("new_lease_expires_at"),
    )
)


def claim(
    connection: Connection, delivery_ids: Sequence[str], *, lease_expires_at: datetime
) -> None:
    """Give pending deliveries to one worker, each with its next fencing number.

    The update is conditional: a delivery that is no longer pending is left unchanged.
    """
    values = {"delivery_ids": delivery_ids, "new_lease_expires_at": lease_expires_at}
    connection.execute(_CLAIM, values)


def release(connection: Connection, *where: ColumnElement[bool]) -> None:
    """Make deliveries pending again whose workers have died. ``where``: which ones."""
    connection.execute(
        update(Delivery)
        .where(col(Delivery.state) == DeliveryState.SENDING, *where)
        .values(state=DeliveryState.PENDING, lease_expires_at=None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextState:
    """A delivery's columns after an attempt. See ``models.Delivery``."""

    delivery_id: str
    state: DeliveryState
    attempt_count: int
    reconnect_count: int
    counted_as_failed: bool
    waits_since: datetime
    next_attempt_at: datetime | None
    next_delay: dict[str, float] | None
    next_trigger: Trigger
    last_status: int | None
    last_error: str | None
    completed_at: datetime | None


_AFTER_ATTEMPT = (
    update(Delivery)
    .where(col(Delivery.id) == bindparam("new_delivery_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in NextState.__dataclass_fields__
            if name != "delivery_id"
        }
        | {"lease_expires_at": None, "passes_breaker": False, "skipped_ms": 0}
    )
)


def after_attempt(connection: Connection, deliveries: Sequence[NextState]) -> None:
    """Update deliveries after attempts. The caller has checked their fencing numbers."""
    values = [
        {f"new_{name}": getattr(each, name) for name in NextState.__slots__} for each in deliveries
    ]
    connection.execute(_AFTER_ATTEMPT, values)


async def make_due(
    session: AsyncSession,
    delivery_ids: Collection[str],
    *where: ColumnElement[bool],
    passes_breaker: bool,
    now: datetime,
) -> int:
    """Make deliveries due immediately, because a person resends them. Return their number.

    Leave a delivery unchanged that is being sent or does not meet the conditions ``where``.
    ``passes_breaker``: send it even while the endpoint's circuit breaker is open or the endpoint is
    on hold; for deliveries that are resent one at a time.
    """
    result = await session.exec(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), *where, ~_is_in(DeliveryState.SENDING))
        .values(
            state=DeliveryState.PENDING,
            next_attempt_at=now,
            next_delay=None,
            waits_since=now,
            skipped_ms=0,
            next_trigger=Trigger.MANUAL,
            passes_breaker=passes_breaker,
            completed_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return result.rowcount


async def cancel(session: AsyncSession, delivery_ids: Collection[str], *, now: datetime) -> int:
    """Cancel pending deliveries. Return their number."""
    result = await session.exec(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), _is_in(DeliveryState.PENDING))
        .values(
            state=DeliveryState.CANCELLED,
            next_attempt_at=None,
            next_delay=None,
            skipped_ms=0,
            passes_breaker=False,
            completed_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return result.rowcount
