"""Events, and their JSON body. Pure: no clock, no ids of its own.

The bytes made here are stored, signed and sent unchanged; they are never serialized again.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hookshop.webkit.times import rfc3339
from shop.vocabulary import EventType


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about an order, or a test event.

    ``id``: UUID version 7. ``value_cents``: the amount in integer cents, negative for a refund.
    """

    id: UUID
    type: EventType
    occurred_at: datetime
    value_cents: int
    order_id: str | None

    @property
    def message_id(self) -> str:
        """The ``webhook-id``: the receiver's idempotency key, the same for every attempt."""
        return f"msg_{self.id.hex}"


def event_value_cents(event_type: EventType, order_total_cents: int) -> int:
    """Return the ``value_cents`` of an event about an order of this total."""
    return -order_total_cents if event_type is EventType.PURCHASE_REFUNDED else order_total_cents


def serialize(event: Event) -> bytes:
    """Return the body: compact JSON in UTF-8, with the value as a number such as 50.75."""
    document = {
        "event": {
            "id": str(event.id),
            "type": event.type,
            # Exact: the division gives the nearest double, and its shortest text is the amount.
            "value": event.value_cents / 100,
            **({"order_id": event.order_id} if event.order_id else {}),
        },
        "date": rfc3339(event.occurred_at),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
