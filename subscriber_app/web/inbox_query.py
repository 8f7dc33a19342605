"""The query of the inbox's address: read, checked, and written into links. Called by ``dashboard``.

Everything a reader chose is in the address, so a view can be bookmarked and shared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar
from urllib.parse import urlencode

from subscriber_app.receipts import ReceiptFilter, Stats
from subscriber_app.vocabulary import EventType, Reason, Verdict
from subscriber_app.web.errors import Problem

LONGEST_SEARCH = 200
REASON_CHOICES = [("", "any"), *((each.value, each.value) for each in Reason)]

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the inbox with another verdict. ``count`` is None where it would mislead."""

    label: str
    address: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """What the address asks for; empty text where it does not."""

    FILTERS: ClassVar = ("verdict", "event_type", "reason", "q")

    verdict: str = ""
    event_type: str = ""
    reason: str = ""
    q: str = ""
    cursor: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "InboxQuery":
        """Read an address's query. Raises ``Problem`` (400) for words that do not exist."""
        return cls(
            verdict=_one_of(Verdict, parameters.get("verdict", ""), "verdict"),
            event_type=parameters.get("event_type", "")[:LONGEST_SEARCH],
            reason=_one_of(Reason, parameters.get("reason", ""), "reason"),
            q=parameters.get("q", "").strip()[:LONGEST_SEARCH],
            cursor=parameters.get("cursor", ""),
        )

    @property
    def filter(self) -> ReceiptFilter:
        """The same for the database."""
        return ReceiptFilter(
            verdict=Verdict(self.verdict) if self.verdict else None,
            event_type=self.event_type or None,
            reason=Reason(self.reason) if self.reason else None,
            text=self.q or None,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether something other than the verdict is filtered."""
        return bool(self.event_type or self.reason or self.q)

    def address(self, path: str = "/", *, verdict: str | None = None, cursor: str = "") -> str:
        """Where this view is, with another ``verdict`` or from a ``cursor`` on."""
        parameters = {name: getattr(self, name) for name in self.FILTERS}
        if verdict is not None:
            parameters["verdict"] = verdict
        parameters["cursor"] = cursor
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"{path}?{query}" if query else path

    def tabs(self, stats: Stats) -> list[Tab]:
        """One tab for all receipts and one for each verdict."""
        counts = {"": sum(stats.receipts.values())}
        counts |= {verdict.value: count for verdict, count in stats.receipts.items()}
        return [
            Tab(
                label=verdict or "all",
                address=self.address(verdict=verdict),
                is_current=verdict == self.verdict,
                count=None if self.is_narrow else count,
            )
            for verdict, count in counts.items()
        ]


def event_type_choices(chosen: str) -> list[tuple[str, str]]:
    """The known types, and the one that is chosen: of ignored events any other may be asked for."""
    known = ["", *(each.value for each in EventType)]
    types = known if chosen in known else [*known, chosen]
    return [(each, each or "any") for each in types]


def _one_of(words: type[Word], given: str, what: str) -> str:
    if given and given not in list(words):
        raise Problem(400, f"there is no {what} {given!r}")
    return given
