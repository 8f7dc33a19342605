"""Corrects the books after messages were booked more than once, with de-duplication off."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import ProcessedMessageRow, Purchase, PurchaseState
from subscriber_app.vocabulary import EventType


async def remove_double_bookings(session: AsyncSession) -> int:
    """Delete all bookings of each message but the first, and return how many that were."""
    query = (
        select(Purchase)
        .join(ProcessedMessageRow, col(ProcessedMessageRow.id) == col(Purchase.message_id))
        .where(col(Purchase.receipt_id) != col(ProcessedMessageRow.receipt_id))
    )
    surplus = (await session.exec(query)).all()
    for booking in surplus:
        state = await session.get(PurchaseState, booking.order_id) if booking.order_id else None
        if state and booking.event_type is EventType.PURCHASE_CREATED:
            state.bought_cents -= booking.value_cents
        elif state:
            state.refunded_cents -= booking.value_cents
        await session.delete(booking)
    return len(surplus)
