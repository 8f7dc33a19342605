"""Corrects the books after messages were booked twice or forged, with a defense off."""

from collections.abc import Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from subscriber_app.database.models import (
    AttackResult,
    ProcessedMessageRow,
    Purchase,
    PurchaseState,
)
from subscriber_app.vocabulary import EventType


async def remove_double_bookings(session: AsyncSession) -> int:
    """Delete all bookings of each message but the first, and return how many that were."""
    query = (
        select(Purchase)
        .join(ProcessedMessageRow, col(ProcessedMessageRow.id) == col(Purchase.message_id))
        .where(col(Purchase.receipt_id) != col(ProcessedMessageRow.receipt_id))
    )
    return await _delete(session, (await session.exec(query)).all())


def forged_bookings() -> SelectOfScalar[Purchase]:
    """Return the query for bookings of requests from the attack desk and the editor."""
    is_attack = col(AttackResult.receipt_id) == col(Purchase.receipt_id)
    return select(Purchase).join(AttackResult, is_attack)


async def remove_forged_bookings(session: AsyncSession) -> int:
    """Delete the bookings of attacks that were accepted, and return how many that were."""
    return await _delete(session, (await session.exec(forged_bookings())).all())


async def _delete(session: AsyncSession, bookings: Sequence[Purchase]) -> int:
    for booking in bookings:
        state = await session.get(PurchaseState, booking.order_id) if booking.order_id else None
        if state and booking.event_type is EventType.PURCHASE_CREATED:
            state.bought_cents -= booking.value_cents
        elif state:
            state.refunded_cents -= booking.value_cents
        await session.delete(booking)
    return len(bookings)
