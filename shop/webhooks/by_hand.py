"""What a person or a client does to deliveries: send again, give up, recover. Called by the web.

Sending again only makes a delivery due: workers do the rest, each endpoint at its own pace. The
attempt gets the next number, and whatever the delivery was waiting for is off. A delivery that is
sent again singly also passes an open circuit breaker; a bulk of them does not.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Update
from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.ids import new_uuid
from shop.models import Delivery, Endpoint, Message
from shop.turns import AGAINST_CHANGES, lock_endpoints
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.webhooks.endpoints import find, list_all
from shop.webhooks.events import Event
from shop.webhooks.log import DeliveryFilter, conditions
from shop.webhooks.outbox import write_message_for

NOT_DELIVERED = (DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.CANCELLED)


async def resend(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Make the next attempt due at once, whatever came of the ones before.

    False when nothing was changed: the delivery is being sent right now, or its endpoint is
    disabled or deleted.
    """
    await lock_endpoints(session, of_deliveries=[delivery_id])
    make_due = _make_due(
        col(Delivery.id) == delivery_id,
        col(Delivery.state) != DeliveryState.SENDING,
        passes_breaker=True,
        now=now,
    )
    return (await session.exec(make_due)).rowcount == 1


async def cancel(session: AsyncSession, delivery_id: str, *, now: datetime) -> bool:
    """Give up a delivery that waits. False when it does not wait."""
    give_up = (
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.PENDING)
        .values(state=DeliveryState.CANCELLED, next_attempt_at=None, completed_at=now)
    )
    return (await session.exec(give_up)).rowcount == 1


async def count_undelivered(session: AsyncSession, wanted: DeliveryFilter) -> int:
    """How many deliveries ``resend_undelivered`` would send."""
    query = select(func.count()).where(*await _undelivered(session, wanted), _reachable())
    return (await session.exec(query)).one()


async def count_unreachable(session: AsyncSession, wanted: DeliveryFilter) -> int:
    """How many more it would send, if their endpoints were not disabled or deleted."""
    query = select(func.count()).where(*await _undelivered(session, wanted), ~_reachable())
    return (await session.exec(query)).one()


async def resend_undelivered(
    session: AsyncSession, wanted: DeliveryFilter, *, now: datetime
) -> int:
    """Make everything due at once that matches and has not succeeded; answers how many."""
    await lock_endpoints(session, ids=[each.id for each in await list_all(session)])
    undelivered = await _undelivered(session, wanted)
    result = await session.exec(_make_due(*undelivered, passes_breaker=False, now=now))
    return result.rowcount


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


def _make_due(*where: ColumnElement[bool], passes_breaker: bool, now: datetime) -> Update:
    return (
        update(Delivery)
        .where(*where, _reachable())
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


def _reachable() -> ColumnElement[bool]:
    standing = select(Endpoint.id).where(
        col(Endpoint.deleted_at).is_(None), Endpoint.status != EndpointStatus.DISABLED
    )
    return col(Delivery.endpoint_id).in_(standing)


async def _undelivered(session: AsyncSession, wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    # The filter may look at the message, which an UPDATE cannot join everywhere.
    matching = (
        select(Delivery.id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .where(*await conditions(session, wanted))
    )
    return [col(Delivery.id).in_(matching), col(Delivery.state).in_(NOT_DELIVERED)]
