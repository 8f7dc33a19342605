"""The query of the delivery log's address: read, checked, and written into links.

Everything a reader chose is in the address, so a view can be bookmarked and shared. Called by
``pages`` and ``bulk_retry``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar
from urllib.parse import urlencode

from shop.vocabulary import DeliveryState, EventType
from shop.web.errors import Problem
from shop.webhooks.log import DeliveryFilter

LONGEST_SEARCH = 200
PATH = "/deliveries"

Choice = TypeVar("Choice", DeliveryState, EventType)


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the log with another state. ``count`` is None where it would mislead."""

    label: str
    address: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What the address asks for; empty text where it does not."""

    FILTERS: ClassVar = ("state", "endpoint_id", "event_type", "q")

    state: str = ""
    endpoint_id: str = ""
    event_type: str = ""
    q: str = ""
    cursor: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "LogQuery":
        """Read an address's query. Raises ``Problem`` (400) for words that do not exist."""
        return cls(
            state=_one_of(DeliveryState, parameters.get("state", "")),
            endpoint_id=parameters.get("endpoint_id", ""),
            event_type=_one_of(EventType, parameters.get("event_type", "")),
            q=parameters.get("q", "").strip()[:LONGEST_SEARCH],
            cursor=parameters.get("cursor") or None,
        )

    @property
    def filter(self) -> DeliveryFilter:
        """The same for the database."""
        return DeliveryFilter(
            state=DeliveryState(self.state) if self.state else None,
            endpoint_id=self.endpoint_id or None,
            event_type=EventType(self.event_type) if self.event_type else None,
            q=self.q or None,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether something other than the state is filtered."""
        return bool(self.endpoint_id or self.event_type or self.q)

    @property
    def chosen(self) -> dict[str, str]:
        """What is filtered by, as fields of an address or a form."""
        return {name: value for name in self.FILTERS if (value := getattr(self, name))}

    def address(
        self, path: str = PATH, *, state: str | None = None, cursor: str | None = None
    ) -> str:
        """Where this view is, with another ``state`` or from a ``cursor`` on."""
        parameters = {
            **dict.fromkeys(self.FILTERS, ""),  # their order in the address
            **self.chosen,
            **({} if state is None else {"state": state}),
            "cursor": cursor or "",
        }
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"{path}?{query}" if query else path

    def tabs(self, counts: Mapping[DeliveryState, int]) -> list[Tab]:
        """One tab for all deliveries and one for each state."""
        choices = [("all", "", sum(counts.values()))]
        choices += [(state.value, state.value, counts[state]) for state in DeliveryState]
        return [
            Tab(
                label,
                self.address(state=state),
                is_current=state == self.state,
                count=None if self.is_narrow else count,
            )
            for label, state, count in choices
        ]


def _one_of(choices: type[Choice], text: str) -> str:
    if text and text not in list(choices):
        raise Problem(400, f"there is nothing called {text!r} to filter by")
    return text
