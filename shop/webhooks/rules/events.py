"""What an event looks like on the wire. Pure: ids and times come in, bytes come out.

Called by ``webhooks.outbox`` when a message is written. The bytes made here are stored, signed and
sent as they are; nothing ever serialises them again.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hookshop.webkit.times import rfc3339
from shop.vocabulary import EventType


@dataclass(frozen=True, slots=True)
class Event:
    """A fact worth telling: what happened, when, and to which order.

    ``id``: UUID version 7. ``value_cents``: the amount in integer cents, negative for a refund.
    """

    id: UUID
    type: EventType
    occurred_at: datetime
    value_cents: int
    order_id: str | None

    @property
    def message_id(self) -> str:
        """The ``webhook-id``: the receiver's idempotency key, the same on every attempt."""
        return f"msg_{self.id.hex}"


def value_of(event_type: EventType, order_total_cents: int) -> int:
    """Return the ``value_cents`` of an event about an order of this total."""
    return -order_total_cents if event_type is EventType.PURCHASE_REFUNDED else order_total_cents


def serialize(event: Event) -> bytes:
    """The body: compact JSON in UTF-8, money as a number in whole currency units."""
    document = {
        "event": {
            "id": str(event.id),
            "type": event.type,
            # Division rounds correctly to the nearest double, whose shortest text is the amount.
            "value": event.value_cents / 100,
            **({"order_id": event.order_id} if event.order_id else {}),
        },
        "date": rfc3339(event.occurred_at),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
