"""Creates signed webhooks, to measure receivers without a shop."""

from datetime import datetime

from shop.ids import new_uuid
from shop.vocabulary import EventType
from shop.webhooks.rules.events import Event, serialize
from shop.webhooks.rules.signing import LiveSecret, SignedContent, signing_headers


def signed_webhook(
    secret: str, url: str, *, issuer: str, now: datetime
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a purchase with a new message id, signed as the shop does it."""
    uuid = new_uuid(now)
    event = Event(uuid, EventType.PURCHASE_CREATED, now, 1490, f"ord_{uuid.hex}")
    body = serialize(event)
    content = SignedContent(event.message_id, int(now.timestamp()), body)
    signed = signing_headers(
        content, [LiveSecret("sec_bench", secret)], issuer=issuer, audience=url
    )
    return {"Content-Type": "application/json", **signed}, body
