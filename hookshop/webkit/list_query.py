"""The query string of a filtered list: read, checked, and written into links.

All choices of the reader are in the URL, so that a view can be bookmarked and shared. Each list
declares its own filters in a subclass.
"""

from abc import ABC, abstractmethod
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
BETWEEN = "between"  # the choice in the form for two times instead of a period
PERIOD_CHOICES = [
    ("", "Any time"),
    ("15min", "the last 15 minutes"),
    ("hour", "the last hour"),
    ("day", "the last day"),
    (BETWEEN, "from … to …"),
]


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the list with another value of its main filter.

    ``count``: the number of rows, or None if another filter would make it wrong.
    """

    label: str
    address: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery(ABC):
    """The filters that every list has. A filter that is not set is an empty string.

    ``period``: a key of ``PERIODS``. ``since`` and ``until``: times in UTC, instead of a period.
    ``q``: the text to search for. ``cursor``: show the rows after this one. ``newest``: show this
    row and older ones.
    """

    PATH: ClassVar[str]  # the path of the list
    TABS: ClassVar[str]  # the name of the main filter
    TAB_VALUES: ClassVar[type[StrEnum]]  # its values; each has a tab
    # Each other filter and the label of the link that removes it.
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
        """Return the checked query. Raise ``Problem`` (400) for invalid values."""
        period = parameters.get("period", BETWEEN)
        # The form always sends the period and both times; use only what was chosen.
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
    @abstractmethod
    def read_own(cls, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return the checked values of the list's own filters."""

    @classmethod
    def parse(cls, query: str) -> Self:
        """Return the checked query of a query string. Raise ``Problem`` (400) as ``read`` does."""
        return cls.read(dict(parse_qsl(query)))

    @classmethod
    def filters(cls) -> tuple[str, ...]:
        """Return the names of all filters, the main one first."""
        return (cls.TABS, *cls.NAMES)

    def since_at(self, now: datetime) -> datetime | None:
        """Return the start of the chosen time range, or None. A period ends at ``now``."""
        return now - PERIODS[self.period] if self.period else read_moment(self.since)

    def until_at(self) -> datetime | None:
        """Return the end of the chosen time range, or None."""
        return read_moment(self.until)

    def with_fixed_times(self, now: datetime) -> Self:
        """Return the query with a start time instead of a period, which would move with time."""
        if not self.period:
            return self
        return replace(self, period="", since=write_moment(now - PERIODS[self.period]))

    @property
    def chosen_period(self) -> str:
        """The value to select in the form's list of periods."""
        return BETWEEN if self.since or self.until else self.period

    @property
    def is_narrow(self) -> bool:
        """Whether a filter other than the main one is set."""
        return any(getattr(self, name) for name in self.NAMES)

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are set, as fields of a query string or a form."""
        return {name: value for name in self.filters() if (value := getattr(self, name))}

    @property
    def query_string(self) -> str:
        """The query string of this view, including the position in the list."""
        position = {"cursor": self.cursor, "newest": self.newest}
        return urlencode({**self.chosen, **{name: it for name, it in position.items() if it}})

    def address(self, path: str = "", *, cursor: str = "", **changes: str) -> str:
        """Return the URL of this view with changed filters, or of the rows after ``cursor``."""
        changed = replace(self, cursor=cursor, newest="", **changes)
        return changed.address_with_query(path or self.PATH)

    def address_with_query(self, path: str) -> str:
        """Return the URL of ``path`` with the query string of this view."""
        return f"{path}?{self.query_string}" if self.query_string else path

    def wider_views(self) -> list[tuple[str, str]]:
        """Return label and URL of each view that has one filter less."""
        labels = {self.TABS: f"any {self.TABS}", **self.NAMES}
        return [(labels[name], self.address(**{name: ""})) for name in self.chosen]

    def tabs(self, counts: Mapping[Any, int]) -> list[Tab]:
        """Return one tab for all rows and one for each value of the main filter.

        ``counts``: number of rows for each value, without other filters; not used if one is set.
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
        raise Problem(400, f"{text!r} is not a time such as {EXAMPLE}")
    return text.removesuffix("Z")  # an input field would reject a value with the zone
