"""The states of a delivery, and the only code that writes ``Delivery.state``.

| transition      | from                                  | to        | reason                   |
|-----------------|---------------------------------------|-----------|--------------------------|
| `new_delivery`  |                                       | pending   | its message was stored   |
| `claim`         | pending                               | sending   | a worker sends it        |
| `release`       | sending                               | pending   | that worker is gone      |
| `after_attempt` | sending                               | succeeded | a 2xx                    |
| `after_attempt` | sending                               | pending   | failed, a retry is left  |
| `after_attempt` | sending                               | failed    | no retry is left, or 410 |
| `after_attempt` | sending                               | cancelled | its endpoint was deleted |
| `make_due`      | pending, succeeded, failed, cancelled | pending   | somebody sends it again  |
| `cancel`        | pending                               | cancelled | somebody gives it up     |

While a delivery is ``sending``, its lease and its fencing number belong to one worker.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Delivery
from shop.ids import new_id
from shop.vocabulary import DeliveryState, EventType, Trigger


def _is_in(*wanted: DeliveryState) -> ColumnElement[bool]:
    # Appending nothing makes the database find rows by their ids, not state by state.
    return col(Delivery.state).concat("").in_([state.value for state in wanted])


def new_delivery(  # noqa: PLR0913 – columns by name
    message_id: str,
    event_type: EventType,
    endpoint_id: str,
    *,
    trigger: Trigger = Trigger.AUTOMATIC,
    passes_breaker: bool = False,
    now: datetime,
) -> Delivery:
    """Return a delivery that is due at once. ``passes_breaker``: see ``make_due``."""
    return Delivery(
        id=new_id("dlv", now),
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
    """Give pending deliveries to the worker that asks, under the next fencing number of each."""
    values = {"delivery_ids": delivery_ids, "new_lease_expires_at": lease_expires_at}
    connection.execute(_CLAIM, values)


def release(connection: Connection, *where: ColumnElement[bool]) -> None:
    """Make deliveries due again whose workers are gone."""
    connection.execute(
        update(Delivery)
        .where(col(Delivery.state) == DeliveryState.SENDING, *where)
        .values(state=DeliveryState.PENDING, lease_expires_at=None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterAttempt:
    """A delivery's columns once an attempt is recorded. See ``models.Delivery``."""

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
            for name in AfterAttempt.__dataclass_fields__
            if name != "delivery_id"
        }
        | {"lease_expires_at": None, "passes_breaker": False}
    )
)


def after_attempt(connection: Connection, deliveries: Sequence[AfterAttempt]) -> None:
    """Move deliveries on. The caller holds each under its fencing number."""
    values = [
        {f"new_{name}": getattr(each, name) for name in AfterAttempt.__slots__}
        for each in deliveries
    ]
    connection.execute(_AFTER_ATTEMPT, values)


async def make_due(
    session: AsyncSession,
    delivery_ids: Collection[str],
    *where: ColumnElement[bool],
    passes_breaker: bool,
    now: datetime,
) -> int:
    """Make the next attempt of deliveries due at once, at a person's wish. Return how many.

    Leave alone what is being sent, and that for which a condition does not hold.
    ``passes_breaker``: also while the endpoint's circuit breaker is open; for what a person sends
    again singly.
    """
    result = await session.exec(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), *where, ~_is_in(DeliveryState.SENDING))
        .values(
            state=DeliveryState.PENDING,
            next_attempt_at=now,
            next_delay=None,
            waits_since=now,
            next_trigger=Trigger.MANUAL,
            passes_breaker=passes_breaker,
            completed_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return result.rowcount


async def cancel(session: AsyncSession, delivery_ids: Collection[str], *, now: datetime) -> int:
    """Give up deliveries that wait. Return how many."""
    result = await session.exec(
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), _is_in(DeliveryState.PENDING))
        .values(
            state=DeliveryState.CANCELLED,
            next_attempt_at=None,
            next_delay=None,
            passes_breaker=False,
            completed_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return result.rowcount
