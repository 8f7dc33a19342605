"""The state of each purchase, independent of the order in which its events arrive.

Deliveries overtake each other: a refund may arrive before its purchase. So each event sets its own
fields only, and no event waits for another or overwrites what another has set.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import PurchaseState
from subscriber_app.receiving.events import Event
from subscriber_app.vocabulary import EventType


@dataclass(frozen=True, slots=True)
class PurchasePage:
    """Purchases, newest first. ``next_cursor`` is None on the last page."""

    purchases: Sequence[PurchaseState]
    next_cursor: str | None


async def update_purchase(session: AsyncSession, event: Event, receipt_id: str) -> None:
    """Apply a booked event to its purchase. An event without an order id changes nothing."""
    if event.order_id is None:
        return
    state = await session.get(PurchaseState, event.order_id)
    if state is None:
        state = PurchaseState(
            order_id=event.order_id,
            first_receipt_id=receipt_id,
            is_overtaken=event.type is not EventType.PURCHASE_CREATED,
        )
        session.add(state)
    apply_event(state, event)


def apply_event(state: PurchaseState, event: Event) -> None:
    """Set the fields of this event. The result does not depend on the order of events."""
    match event.type:
        case EventType.PURCHASE_CREATED:
            state.bought_cents += event.value_cents
            state.bought_at = event.occurred_at
        case EventType.PURCHASE_SHIPPED:
            state.shipped_at = event.occurred_at
        case EventType.PURCHASE_REFUNDED:
            state.refunded_cents += event.value_cents
            state.refunded_at = event.occurred_at


async def find_purchase(session: AsyncSession, order_id: str | None) -> PurchaseState | None:
    """Return the purchase of this order, or None."""
    return await session.get(PurchaseState, order_id) if order_id else None


async def list_purchases(
    session: AsyncSession, *, limit: int, cursor: str | None = None
) -> PurchasePage:
    """Return one page, the latest purchase first. ``cursor``: from the previous page."""
    query = select(PurchaseState).order_by(col(PurchaseState.first_receipt_id).desc())
    if cursor:
        query = query.where(PurchaseState.first_receipt_id < cursor)
    rows = (await session.exec(query.limit(limit + 1))).all()
    more = len(rows) > limit
    return PurchasePage(rows[:limit], rows[limit - 1].first_receipt_id if more else None)
