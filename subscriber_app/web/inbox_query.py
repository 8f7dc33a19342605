"""The filters of the inbox, read from the query string."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from hookshop.webkit.list_query import MAX_SEARCH_LENGTH, ListQuery, one_of
from subscriber_app.receiving.receipts import ReceiptFilter
from subscriber_app.vocabulary import EventType, Reason, Verdict

REASON_CHOICES = [("", "Any reason"), *((each.value, each.value) for each in Reason)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxQuery(ListQuery):
    """The filters of the inbox; an unset filter is an empty string."""

    PATH: ClassVar = "/"
    TABS: ClassVar = "verdict"
    TAB_VALUES: ClassVar = Verdict
    NAMES: ClassVar = {
        "event_type": "any event type",
        "reason": "any reason",
        **ListQuery.TIME_AND_TEXT,
    }

    verdict: str = ""
    event_type: str = ""
    reason: str = ""

    @classmethod
    def read_own(cls, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return verdict, event type and reason. Raise ``Problem`` (400) for unknown values."""
        return {
            "verdict": one_of(Verdict, parameters.get("verdict", ""), "verdict"),
            "event_type": parameters.get("event_type", "")[:MAX_SEARCH_LENGTH],
            "reason": one_of(Reason, parameters.get("reason", ""), "reason"),
        }

    def filter(self, now: datetime) -> ReceiptFilter:
        """Return the filter for the database. A period is counted back from ``now``."""
        return ReceiptFilter(
            verdict=Verdict(self.verdict) if self.verdict else None,
            event_type=self.event_type or None,
            reason=Reason(self.reason) if self.reason else None,
            text=self.q or None,
            since=self.since_at(now),
            until=self.until_at(),
        )

    def live_address(self) -> str:
        """Return the URL of the stream for this query."""
        return self.address_with_query("/receipts/live")


def event_type_choices(chosen: str) -> list[tuple[str, str]]:
    """Return the known event types and the chosen one, which may be unknown."""
    known = ["", *(each.value for each in EventType)]
    types = known if chosen in known else [*known, chosen]
    return [(each, each or "Any event type") for each in types]
