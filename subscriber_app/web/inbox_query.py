"""The query of the inbox's address: read, checked, and written into links. Called by ``dashboard``.

Everything a reader chose is in the address, so a view can be bookmarked and shared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, TypeVar
from urllib.parse import urlencode

from hookshop.webkit.datetime_input import EXAMPLE, MAX_YEAR, read_moment
from hookshop.webkit.errors import Problem
from subscriber_app.receipts import ReceiptFilter, Stats
from subscriber_app.vocabulary import EventType, Reason, Verdict

LONGEST_SEARCH = 200
REASON_CHOICES = [("", "any"), *((each.value, each.value) for each in Reason)]

PERIODS = {
    "15min": timedelta(minutes=15),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
BETWEEN = "between"  # of the form: two moments count, and not how long ago it was
PERIOD_CHOICES = [
    ("", "any"),
    ("15min", "the last 15 minutes"),
    ("hour", "the last hour"),
    ("day", "the last day"),
    (BETWEEN, "from … to …"),
]

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
    """What the address asks for; empty text where it does not.

    ``period``: a key of ``PERIODS``; or else ``since`` and ``until``, moments in UTC. ``cursor``:
    show what is older than this receipt. ``newest``: this one, and what is older.
    """

    FILTERS: ClassVar = ("verdict", "event_type", "reason", "period", "since", "until", "q")
    # What each filter but the verdict is called, for links that take it away.
    NAMES: ClassVar = {
        "event_type": "any event type",
        "reason": "any reason",
        "period": "any time",
        "since": "any beginning",
        "until": "any end",
        "q": "without the search",
    }

    verdict: str = ""
    event_type: str = ""
    reason: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    q: str = ""
    cursor: str = ""
    newest: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "InboxQuery":
        """Read an address's query. Raises ``Problem`` (400) for words that do not exist."""
        period = parameters.get("period", BETWEEN)
        # The form always sends both; those that are not chosen are not meant.
        typed = parameters if period == BETWEEN else {}
        return cls(
            verdict=_one_of(Verdict, parameters.get("verdict", ""), "verdict"),
            event_type=parameters.get("event_type", "")[:LONGEST_SEARCH],
            reason=_one_of(Reason, parameters.get("reason", ""), "reason"),
            period="" if period == BETWEEN else _period(period),
            since=_moment(typed.get("since", "")),
            until=_moment(typed.get("until", "")),
            q=parameters.get("q", "").strip()[:LONGEST_SEARCH],
            cursor=parameters.get("cursor", ""),
            newest=parameters.get("newest", ""),
        )

    def filter(self, now: datetime) -> ReceiptFilter:
        """The same for the database. A period reaches back from ``now``."""
        return ReceiptFilter(
            verdict=Verdict(self.verdict) if self.verdict else None,
            event_type=self.event_type or None,
            reason=Reason(self.reason) if self.reason else None,
            text=self.q or None,
            since=now - PERIODS[self.period] if self.period else read_moment(self.since),
            until=read_moment(self.until),
        )

    @property
    def chosen_period(self) -> str:
        """What is chosen in the form's list of periods."""
        return BETWEEN if self.since or self.until else self.period

    @property
    def is_narrow(self) -> bool:
        """Whether something other than the verdict is filtered."""
        return any(getattr(self, name) for name in self.NAMES)

    def address(self, path: str = "/", *, verdict: str | None = None, cursor: str = "") -> str:
        """Where this view is, with another ``verdict`` or from a ``cursor`` on."""
        there = replace(self, cursor=cursor, newest="")
        if verdict is not None:
            there = replace(there, verdict=verdict)
        return _address(path, there)

    def live_address(self) -> str:
        """The stream beside the page of this view."""
        return _address("/receipts/live", self)

    def wider(self) -> list[tuple[str, str]]:
        """Name and address of each view with one filter less."""
        without_verdict = [("any verdict", self.address(verdict=""))] if self.verdict else []
        return without_verdict + [
            (name, replace(self, **{field: ""}).address())
            for field, name in self.NAMES.items()
            if getattr(self, field)
        ]

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


def _address(path: str, query: InboxQuery) -> str:
    parameters = {name: getattr(query, name) for name in (*query.FILTERS, "cursor", "newest")}
    text = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{text}" if text else path


def event_type_choices(chosen: str) -> list[tuple[str, str]]:
    """The known types, and the one that is chosen: of ignored events any other may be asked for."""
    known = ["", *(each.value for each in EventType)]
    types = known if chosen in known else [*known, chosen]
    return [(each, each or "any") for each in types]


def _one_of(words: type[Word], given: str, what: str) -> str:
    if given and given not in list(words):
        raise Problem(400, f"there is no {what} {given!r}")
    return given


def _period(text: str) -> str:
    if text and text not in PERIODS:
        raise Problem(400, f"there is no period {text!r}")
    return text


def _moment(text: str) -> str:
    moment = read_moment(text)
    if text and (moment is None or moment.year > MAX_YEAR):
        raise Problem(400, f"{text!r} is no moment such as {EXAMPLE}")
    return text.removesuffix("Z")  # with it, the field in the form would stay empty
