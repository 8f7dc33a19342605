"""The state of each purchase, independent of the order in which its events arrive.

Deliveries overtake each other: a refund may arrive before its purchase. So each event sets its own
fields only, and no event waits for another or overwrites what another has set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, func
from sqlalchemy.dialects.sqlite import insert
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


def event_row(event: Event, order_id: str, receipt_id: str) -> dict[str, Any]:
    """Return the parameters with which ``APPLY_EVENT`` applies a booked event to its purchase.

    ``receipt_id``: of the request with the event.
    """
    is_bought = event.type is EventType.PURCHASE_CREATED
    is_refunded = event.type is EventType.PURCHASE_REFUNDED
    is_shipped = event.type is EventType.PURCHASE_SHIPPED
    return {
        "order_id": order_id,
        "first_receipt_id": receipt_id,
        "is_overtaken": not is_bought,
        "bought_cents": event.value_cents if is_bought else 0,
        "refunded_cents": event.value_cents if is_refunded else 0,
        "bought_at": event.occurred_at if is_bought else None,
        "shipped_at": event.occurred_at if is_shipped else None,
        "refunded_at": event.occurred_at if is_refunded else None,
    }


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


def _apply_event() -> Executable:
    """Return the statement that adds a purchase, or applies an event to the one that exists.

    What the event does not concern is 0 or null in its row, and stays as it is.
    """
    new = insert(PurchaseState)
    return new.on_conflict_do_update(
        index_elements=[col(PurchaseState.order_id)],
        set_={
            name: col(getattr(PurchaseState, name)) + new.excluded[name]
            for name in ("bought_cents", "refunded_cents")
        }
        | {
            name: func.coalesce(new.excluded[name], col(getattr(PurchaseState, name)))
            for name in ("bought_at", "shipped_at", "refunded_at")
        },
    )


APPLY_EVENT = _apply_event()
