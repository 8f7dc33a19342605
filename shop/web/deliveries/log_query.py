"""The query string of the delivery log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from hookshop.webkit.list_query import ListQuery, one_of
from shop.vocabulary import DeliveryState, EventType
from shop.webhooks.queries.deliveries import DeliveryFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery(ListQuery):
    """The filters of the delivery log. A filter that is not set is an empty string."""

    PATH: ClassVar = "/deliveries"
    TABS: ClassVar = "state"
    TAB_VALUES: ClassVar = DeliveryState
    NAMES: ClassVar = {
        "endpoint_id": "any endpoint",
        "event_type": "any event type",
        **ListQuery.TIME_AND_TEXT,
    }

    state: str = ""
    endpoint_id: str = ""
    event_type: str = ""

    @classmethod
    def read_own(cls, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return state, endpoint and event type. Raise ``Problem`` (400) for unknown values."""
        return {
            "state": one_of(DeliveryState, parameters.get("state", ""), "state"),
            "endpoint_id": parameters.get("endpoint_id", ""),
            "event_type": one_of(EventType, parameters.get("event_type", ""), "event type"),
        }

    def filter(self, now: datetime) -> DeliveryFilter:
        """Return the filter for the database query. A period ends at ``now``."""
        return DeliveryFilter(
            state=DeliveryState(self.state) if self.state else None,
            endpoint_id=self.endpoint_id or None,
            event_type=EventType(self.event_type) if self.event_type else None,
            q=self.q or None,
            since=self.since_at(now),
            until=self.until_at(),
        )

    def row_address(self, delivery_id: str) -> str:
        """Return the URL of a delivery's row in this view."""
        return f"{self.address_with_query(self.PATH)}#row-{delivery_id}"

    def live_address(self) -> str:
        """Return the URL of this view's stream."""
        return self.address_with_query(f"{self.PATH}/live")
