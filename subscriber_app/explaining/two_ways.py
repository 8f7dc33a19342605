"""Compares polling and webhooks: when each way has told of an order."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app.database.models import PolledOrder, Receipt
from subscriber_app.receiving.receipt_ids import first_id
from subscriber_app.vocabulary import EventType, Verdict

MAX_ORDERS = 100  # the newest


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order, and when each way has told of it; None as long as it has not."""

    order_id: str
    created_at: datetime | None
    received_at: datetime | None
    polled_at: datetime | None

    @property
    def webhook_seconds(self) -> float | None:
        """Return the delay of the webhook; None if either time is unknown."""
        return _seconds(self.created_at, self.received_at)

    @property
    def polling_seconds(self) -> float | None:
        """Return the delay of polling; None if either time is unknown."""
        return _seconds(self.created_at, self.polled_at)


async def read_seen_orders(session: AsyncSession, since: datetime) -> list[SeenOrder]:
    """Return the orders that polling or a webhook has told of since then, newest first."""
    polled = {row.order_id: row for row in (await session.exec(select(PolledOrder))).all()}
    query = (
        select(Receipt.order_id, Receipt.received_at)
        .where(
            col(Receipt.id) >= first_id(since),
            col(Receipt.verdict) == Verdict.ACCEPTED,
            col(Receipt.event_type) == EventType.PURCHASE_CREATED.value,
        )
        .order_by(col(Receipt.id))
    )
    received: dict[str, datetime] = {}
    for order_id, received_at in (await session.exec(query)).all():
        received.setdefault(order_id or "", received_at)
    ids = sorted({*polled, *received} - {""}, reverse=True)  # ids sort by time
    return [
        SeenOrder(
            each,
            polled[each].created_at if each in polled else None,
            received.get(each),
            polled[each].seen_at if each in polled else None,
        )
        for each in ids[:MAX_ORDERS]
    ]


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    # The clocks of two machines may differ.
    return max(0.0, (end - start).total_seconds()) if start and end else None
