"""What a person or a client does to single deliveries: resend, cancel, send a test event.

Sending again only makes a delivery due: workers do the rest, each endpoint at its own pace. The
attempt gets the next number, and whatever the delivery was waiting for is off. A delivery that is
sent again singly also passes an open circuit breaker; a bulk of them does not.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Update
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.ids import new_uuid
from shop.models import Delivery, Endpoint
from shop.turns import AGAINST_CHANGES, lock_endpoints
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.webhooks.endpoints import find
from shop.webhooks.events import Event
from shop.webhooks.outbox import write_message_for


async def resend(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Make the next attempt due at once, whatever came of the ones before.

    False when nothing was changed: the delivery is being sent right now, or its endpoint is
    disabled or deleted.
    """
    await lock_endpoints(session, of_deliveries=[delivery_id])
    is_not_sent = col(Delivery.state) != DeliveryState.SENDING
    resending = make_due([delivery_id], is_not_sent, passes_breaker=True, now=now)
    return (await session.exec(resending)).rowcount == 1


async def cancel(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Give up a delivery that waits. False when it does not wait."""
    give_up = (
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.PENDING)
        .values(
            state=DeliveryState.CANCELLED,
            next_attempt_at=None,
            passes_breaker=False,
            completed_at=now,
        )
    )
    return (await session.exec(give_up)).rowcount == 1


async def ping(session: AsyncSession, endpoint_id: str, *, now: datetime) -> str | None:
    """Send a test event to this endpoint alone, whatever its filter says.

    Answers the id of the delivery, or None when there is no such endpoint or it is disabled.
    """
    endpoint = await find(session, endpoint_id, locked=AGAINST_CHANGES)
    if endpoint is None or endpoint.status is EndpointStatus.DISABLED:
        return None
    event = Event(new_uuid(now), EventType.WEBHOOK_PING, now, value_cents=0, order_id=None)
    [delivery_id] = await write_message_for(session, event, [endpoint], by_hand=True, now=now)
    return delivery_id


def make_due(
    delivery_ids: Sequence[str],
    condition: ColumnElement[bool],
    *,
    passes_breaker: bool,
    now: datetime,
) -> Update:
    """Return the statement that makes these due, where the condition holds and they can be sent."""
    # Appending nothing makes the database find the rows by their ids, not endpoint by endpoint.
    endpoint_id = col(Delivery.endpoint_id).concat("")
    return (
        update(Delivery)
        .where(col(Delivery.id).in_(delivery_ids), condition, endpoint_id.in_(_reachable_ids()))
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


def is_reachable() -> ColumnElement[bool]:
    """Return the condition that a delivery's endpoint is neither disabled nor deleted."""
    return col(Delivery.endpoint_id).in_(_reachable_ids())


def _reachable_ids() -> SelectOfScalar[str]:
    return select(Endpoint.id).where(
        col(Endpoint.deleted_at).is_(None), Endpoint.status != EndpointStatus.DISABLED
    )
