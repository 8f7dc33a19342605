"""The query of a filtered list's address: read, checked, and written into links.

Everything a reader chose is in the address, so that a view can be bookmarked and shared. A list
names its own filters in a subclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlencode

from hookshop.webkit.datetime_input import EXAMPLE, MAX_YEAR, read_moment, write_moment
from hookshop.webkit.errors import Problem

MAX_SEARCH_LENGTH = 200  # characters

PERIODS = {
    "15min": timedelta(minutes=15),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
BETWEEN = "between"  # the form's choice of two times in place of a period
PERIOD_CHOICES = [
    ("", "any"),
    ("15min", "the last 15 minutes"),
    ("hour", "the last hour"),
    ("day", "the last day"),
    (BETWEEN, "from … to …"),
]


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the list with another value of its main filter.

    ``count`` is None where another filter would make it wrong.
    """

    label: str
    address: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The filters that every list has; a filter that is not chosen is empty text.

    ``period``: a key of ``PERIODS``; or else ``since`` and ``until``, times in UTC. ``q``: a text
    to search for. ``cursor``: show the rows after this one. ``newest``: this row and older ones.
    """

    PATH: ClassVar[str]  # the address of the list
    TABS: ClassVar[str]  # the main filter
    TAB_VALUES: ClassVar[type[StrEnum]]  # a tab for each
    # Each other filter, and the label of the link that removes it.
    NAMES: ClassVar[Mapping[str, str]]
    TIME_AND_TEXT: ClassVar[Mapping[str, str]] = {
        "period": "any time",
        "since": "any beginning",
        "until": "any end",
        "q": "without the search",
    }

    period: str = ""
    since: str = ""
    until: str = ""
    q: str = ""
    cursor: str = ""
    newest: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Return the checked query. Raise ``Problem`` (400) for values that do not exist."""
        period = parameters.get("period", BETWEEN)
        # The form always sends both; only the chosen one counts.
        typed = parameters if period == BETWEEN else {}
        return cls(
            period="" if period == BETWEEN else _period(period),
            since=_moment(typed.get("since", "")),
            until=_moment(typed.get("until", "")),
            q=parameters.get("q", "").strip()[:MAX_SEARCH_LENGTH],
            cursor=parameters.get("cursor", ""),
            newest=parameters.get("newest", ""),
            **cls.read_own(parameters),
        )

    @classmethod
    def read_own(cls, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return the checked values of the list's own filters."""
        raise NotImplementedError

    @classmethod
    def parse(cls, query: str) -> Self:
        """Read a query as it stands in an address. Raise ``Problem`` (400)."""
        return cls.read(dict(parse_qsl(query)))

    @classmethod
    def filters(cls) -> tuple[str, ...]:
        """Return the names of all filters, the main one first."""
        return (cls.TABS, *cls.NAMES)

    def since_at(self, now: datetime) -> datetime | None:
        """Return the beginning of the chosen time; a period reaches back from ``now``."""
        return now - PERIODS[self.period] if self.period else read_moment(self.since)

    def until_at(self) -> datetime | None:
        """Return the end of the chosen time."""
        return read_moment(self.until)

    def standing_still(self, now: datetime) -> Self:
        """Return the query with a time in place of a period, which would move on meanwhile."""
        if not self.period:
            return self
        return replace(self, period="", since=write_moment(now - PERIODS[self.period]))

    @property
    def chosen_period(self) -> str:
        """The choice in the form's list of periods."""
        return BETWEEN if self.since or self.until else self.period

    @property
    def is_narrow(self) -> bool:
        """Whether a filter other than the main one is chosen."""
        return any(getattr(self, name) for name in self.NAMES)

    @property
    def chosen(self) -> dict[str, str]:
        """The chosen filters, as fields of an address or a form."""
        return {name: value for name in self.filters() if (value := getattr(self, name))}

    @property
    def here(self) -> str:
        """The query of this view, its position in the list included."""
        position = {"cursor": self.cursor, "newest": self.newest}
        return urlencode({**self.chosen, **{name: it for name, it in position.items() if it}})

    def address(self, path: str = "", *, cursor: str = "", **changes: str) -> str:
        """Return the address of this view with other filters, or from a ``cursor`` on."""
        return replace(self, cursor=cursor, newest="", **changes).address_here(path or self.PATH)

    def address_here(self, path: str) -> str:
        """Return an address with the query of this view."""
        return f"{path}?{self.here}" if self.here else path

    def wider(self) -> list[tuple[str, str]]:
        """Return label and address of each view with one filter less."""
        labels = {self.TABS: f"any {self.TABS}", **self.NAMES}
        return [(labels[name], self.address(**{name: ""})) for name in self.chosen]

    def tabs(self, counts: Mapping[Any, int]) -> list[Tab]:
        """Return one tab for all rows and one for each value of the main filter.

        ``counts``: rows of each value, without any other filter; not used if one is chosen.
        """
        totals: dict[str, int] = {value: counts.get(value, 0) for value in self.TAB_VALUES}
        return [
            Tab(
                str(value) or "all",
                self.address(**{self.TABS: str(value)}),
                is_current=value == getattr(self, self.TABS),
                count=None if self.is_narrow else count,
            )
            for value, count in [("", sum(totals.values())), *totals.items()]
        ]


def one_of(choices: type[StrEnum], text: str, name: str) -> str:
    """Return the text if it is empty or one of the choices; else raise ``Problem`` (400)."""
    if text and text not in list(choices):
        raise Problem(400, f"there is no {name} {text!r}")
    return text


def check_search(text: str | None) -> str | None:
    """Return the text to search for. Raise ``Problem`` (400) if it is too long."""
    if text and len(text) > MAX_SEARCH_LENGTH:
        raise Problem(400, f"q has at most {MAX_SEARCH_LENGTH} characters")
    return text


def _period(text: str) -> str:
    if text and text not in PERIODS:
        raise Problem(400, f"there is no period {text!r}")
    return text


def _moment(text: str) -> str:
    moment = read_moment(text)
    if text and (moment is None or moment.year > MAX_YEAR):
        raise Problem(400, f"{text!r} is no time such as {EXAMPLE}")
    return text.removesuffix("Z")  # with it, the field in the form would stay empty
