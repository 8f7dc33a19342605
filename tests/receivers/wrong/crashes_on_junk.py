"""Parses the body without expecting anything but an event."""

import json

from tests.receivers.right import plain


def parse_event(body: bytes) -> plain.Event:
    event = json.loads(body)["event"]
    cents = round(event.get("value", 0) * 100)
    return plain.Event(event["type"], event.get("order_id", ""), cents)


plain.parse_event = parse_event
plain.main()
