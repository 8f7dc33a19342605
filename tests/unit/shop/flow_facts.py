"""Facts for the tests of the flow picture: one endpoint, one delivery, and changes to them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shop.vocabulary import DeliveryState, EndpointStatus, EventType
from shop.web.flow.facts import DeliveryFacts, EndpointFacts, Facts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
JUST_NOW = NOW - timedelta(seconds=1)


def endpoint(**changes: Any) -> EndpointFacts:
    """Return a healthy endpoint."""
    well = EndpointFacts(
        "ep_1", "http://127.0.0.1:8001/hook", EndpointStatus.ACTIVE, concurrency=20
    )
    return replace(well, **changes)


def delivery(state: DeliveryState = DeliveryState.PENDING, **changes: Any) -> DeliveryFacts:
    """Return a delivery that has been due for a second."""
    due = DeliveryFacts(
        id="dlv_1",
        endpoint_id="ep_1",
        event_type=EventType.PURCHASE_CREATED,
        state=state,
        waits_since=JUST_NOW,
        order_id="ord_1",
        value_cents=5075,
        next_attempt_at=JUST_NOW if state is DeliveryState.PENDING else None,
    )
    return replace(due, **changes)


def facts(*deliveries: DeliveryFacts, **changes: Any) -> Facts:
    """Return facts with Redis, one live worker and one healthy endpoint."""
    return replace(Facts(now=NOW, endpoints=[endpoint()], deliveries=deliveries), **changes)
