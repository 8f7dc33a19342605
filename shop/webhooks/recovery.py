"""Resends deliveries in bulk, and creates those that an endpoint missed while it was disabled.

A run works in batches, each in its own transaction. If it is interrupted, the finished batches stay
and the next run does the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.database.locks import FOR_NO_KEY_UPDATE, lock_endpoints
from shop.database.models import Delivery, Endpoint, Message, is_in_state_index
from shop.database.transactions import Database
from shop.ids import first_id
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.webhooks import states
from shop.webhooks.batches import id_batches
from shop.webhooks.endpoints.registry import find
from shop.webhooks.engine.due import CLOCK_TOLERANCE
from shop.webhooks.manual_actions import is_reachable
from shop.webhooks.queries.deliveries import DeliveryFilter, conditions

UNDELIVERED = (DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RecoveryRange:
    """The time range to recover: from ``since`` until now.

    ``messages_since``: the same, but not before the retention period. Whether older messages were
    missed is unknown: their deliveries may have succeeded and been pruned.
    """

    since: datetime
    messages_since: datetime

    @classmethod
    def of(
        cls, endpoint: Endpoint, since: datetime, *, retention: timedelta | None, now: datetime
    ) -> "RecoveryRange":
        """Return the range from ``since``, but not before the endpoint was created.

        ``retention``: how long messages are kept; None: without limit.
        """
        since = min(max(since, endpoint.created_at), now)
        kept_since = now - retention + CLOCK_TOLERANCE if retention else since
        return cls(since, max(since, kept_since))


@dataclass(frozen=True, slots=True)
class Recovery:
    """Numbers of deliveries to send: ``resent`` existed before, ``created`` are new."""

    resent: int
    created: int

    @property
    def count(self) -> int:
        """The number of all deliveries to send."""
        return self.resent + self.created


async def count_undelivered(session: AsyncSession, wanted: DeliveryFilter) -> int:
    """Return the number of deliveries that ``resend_undelivered`` would send."""
    ids = (await _undelivered(session, wanted)).where(is_reachable())
    return (await session.exec(select(func.count()).select_from(ids.subquery()))).one()


async def count_unreachable(session: AsyncSession, wanted: DeliveryFilter) -> int:
    """Return the number of undelivered ones that cannot be sent: endpoint disabled or deleted."""
    ids = (await _undelivered(session, wanted)).where(~is_reachable())
    return (await session.exec(select(func.count()).select_from(ids.subquery()))).one()


async def count_recoverable(
    session: AsyncSession, endpoint: Endpoint, span: RecoveryRange
) -> Recovery:
    """Return what ``recover`` would send."""
    wanted = DeliveryFilter(endpoint_id=endpoint.id, since=span.since)
    missed = select(func.count()).select_from(Message).where(*_missed(endpoint, span))
    return Recovery(await count_undelivered(session, wanted), (await session.exec(missed)).one())


async def recover(
    database: Database, endpoint: Endpoint, span: RecoveryRange, *, clock: Callable[[], datetime]
) -> Recovery:
    """Resend the endpoint's undelivered deliveries, then create those that it missed.

    It missed a message if it is subscribed to the type and there is no delivery.
    """
    # Resend first: otherwise the deliveries that were just created would also be resent.
    wanted = DeliveryFilter(endpoint_id=endpoint.id, since=span.since)
    resent = await resend_undelivered(database, wanted, clock=clock)
    return Recovery(resent, await _create_missed(database, endpoint, span, clock))


async def resend_undelivered(
    database: Database, wanted: DeliveryFilter, *, clock: Callable[[], datetime]
) -> int:
    """Make all matching deliveries that have not succeeded due now, and return their number.

    Leave out deliveries that are created while this runs.
    """
    async with database.reading() as session:
        newest = (await session.exec(select(func.max(Delivery.id)))).one()
        undelivered = await _undelivered(session, wanted)
    if newest is None:
        return 0
    ids = undelivered.where(is_reachable(), col(Delivery.id) <= newest)
    count = 0
    async for batch in id_batches(database, ids):
        async with database.writing() as session:
            await lock_endpoints(session, of_deliveries=batch)
            is_undelivered = col(Delivery.state).in_(UNDELIVERED)
            count += await states.make_due(
                session, batch, is_undelivered, is_reachable(), passes_breaker=False, now=clock()
            )
    return count


async def _create_missed(
    database: Database, endpoint: Endpoint, span: RecoveryRange, clock: Callable[[], datetime]
) -> int:
    count = 0
    async for batch in id_batches(database, select(Message.id).where(*_missed(endpoint, span))):
        async with database.writing() as session:
            count += await _create_deliveries(session, endpoint.id, batch, span, clock())
    return count


async def _create_deliveries(
    session: AsyncSession,
    endpoint_id: str,
    message_ids: Sequence[str],
    span: RecoveryRange,
    now: datetime,
) -> int:
    """Create missing deliveries of these messages, unless the endpoint is disabled or deleted."""
    # The lock keeps another run from creating the same deliveries.
    endpoint = await find(session, endpoint_id, locked=FOR_NO_KEY_UPDATE)
    if endpoint is None or endpoint.status is EndpointStatus.DISABLED:
        return 0
    query = (
        select(Message.id, Message.event_type)
        .where(col(Message.id).in_(message_ids), *_missed(endpoint, span))
        .order_by(col(Message.id))
        .with_for_update(read=True, key_share=True)  # keep them from being pruned meanwhile
    )
    missed = (await session.exec(query)).all()
    deliveries = [
        states.new_delivery(
            message_id,
            EventType(event_type),
            endpoint_id,
            sandbox=endpoint.sandbox,
            trigger=Trigger.MANUAL,
            now=now,
        )
        for message_id, event_type in missed
    ]
    await (await session.connection()).run_sync(states.insert_deliveries, deliveries)
    return len(missed)


def _missed(endpoint: Endpoint, span: RecoveryRange) -> list[ColumnElement[bool]]:
    has_delivery = select(Delivery.id).where(
        Delivery.message_id == Message.id,
        # Appending an empty string keeps the database from searching all deliveries of the
        # endpoint instead of the message's few.
        col(Delivery.endpoint_id).concat("") == endpoint.id,
    )
    return [
        col(Message.created_at) >= span.messages_since,
        col(Message.id) >= first_id("msg", span.messages_since),
        col(Message.event_type).in_([EventType(name) for name in endpoint.event_types]),
        ~has_delivery.exists(),
    ]


async def _undelivered(session: AsyncSession, wanted: DeliveryFilter) -> SelectOfScalar[str]:
    """Return the query for the ids of matching deliveries that have not succeeded."""
    return (
        select(Delivery.id)
        .join(Message, col(Message.id) == Delivery.message_id)
        .where(
            *await conditions(session, wanted),
            col(Delivery.state).in_(UNDELIVERED),
            is_in_state_index(),
        )
    )
