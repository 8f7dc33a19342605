"""The query of the delivery log's address: read, checked, and written into links.

Everything a reader chose is in the address, so a view can be bookmarked and shared. Called by
``pages`` and ``bulk_retry``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from urllib.parse import parse_qsl, urlencode

from hookshop.webkit.datetime_input import EXAMPLE, MAX_YEAR, read_moment, write_moment
from hookshop.webkit.errors import Problem
from shop.vocabulary import DeliveryState, EventType
from shop.webhooks.log import DeliveryFilter

LONGEST_SEARCH = 200
PATH = "/deliveries"

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
    """What the address asks for; empty text where it does not.

    ``period``: a key of ``PERIODS``; or else ``since`` and ``until``, moments in UTC. ``cursor``:
    show what is older than this delivery. ``newest``: this one, and what is older.
    """

    FILTERS: ClassVar = ("state", "endpoint_id", "event_type", "period", "since", "until", "q")
    # What each filter but the state is called, for links that take it away.
    NAMES: ClassVar = {
        "endpoint_id": "any endpoint",
        "event_type": "any event type",
        "period": "any time",
        "since": "any beginning",
        "until": "any end",
        "q": "without the search",
    }

    state: str = ""
    endpoint_id: str = ""
    event_type: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    q: str = ""
    cursor: str | None = None
    newest: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "LogQuery":
        """Read an address's query. Raises ``Problem`` (400) for words that do not exist."""
        period = parameters.get("period", BETWEEN)
        # The form always sends both; those that are not chosen are not meant.
        typed = parameters if period == BETWEEN else {}
        return cls(
            state=_one_of(DeliveryState, parameters.get("state", "")),
            endpoint_id=parameters.get("endpoint_id", ""),
            event_type=_one_of(EventType, parameters.get("event_type", "")),
            period="" if period == BETWEEN else _period(period),
            since=_moment(typed.get("since", "")),
            until=_moment(typed.get("until", "")),
            q=parameters.get("q", "").strip()[:LONGEST_SEARCH],
            cursor=parameters.get("cursor") or None,
            newest=parameters.get("newest") or None,
        )

    @classmethod
    def parse(cls, query: str) -> "LogQuery":
        """The same from a query as it stands in an address. Raises ``Problem``."""
        return cls.read(dict(parse_qsl(query)))

    def filter(self, now: datetime) -> DeliveryFilter:
        """The same for the database. A period reaches back from ``now``."""
        since = now - PERIODS[self.period] if self.period else read_moment(self.since)
        return DeliveryFilter(
            state=DeliveryState(self.state) if self.state else None,
            endpoint_id=self.endpoint_id or None,
            event_type=EventType(self.event_type) if self.event_type else None,
            q=self.q or None,
            since=since,
            until=read_moment(self.until),
        )

    def standing_still(self, now: datetime) -> "LogQuery":
        """With a moment instead of a period, which would move on while the reader thinks."""
        if not self.period:
            return self
        return replace(self, period="", since=write_moment(now - PERIODS[self.period]))

    @property
    def chosen_period(self) -> str:
        """What is chosen in the form's list of periods."""
        return BETWEEN if self.since or self.until else self.period

    @property
    def is_narrow(self) -> bool:
        """Whether something other than the state is filtered."""
        return any(getattr(self, name) for name in self.NAMES)

    @property
    def chosen(self) -> dict[str, str]:
        """What is filtered by, as fields of an address or a form."""
        return {name: value for name in self.FILTERS if (value := getattr(self, name))}

    @property
    def here(self) -> str:
        """The query of this very view, its place in the log included."""
        place = {"cursor": self.cursor, "newest": self.newest}
        return urlencode({**self.chosen, **{name: it for name, it in place.items() if it}})

    def address(
        self, path: str = PATH, *, state: str | None = None, cursor: str | None = None
    ) -> str:
        """Where this view is, with another ``state`` or from a ``cursor`` on."""
        there = replace(self, cursor=cursor, newest=None)
        if state is not None:
            there = replace(there, state=state)
        return there._at(path)  # noqa: SLF001 – of our own kind

    def row_address(self, delivery_id: str) -> str:
        """Where the row of a delivery is in this very view."""
        return f"{self._at(PATH)}#row-{delivery_id}"

    def _at(self, path: str) -> str:
        return f"{path}?{self.here}" if self.here else path

    def live_address(self) -> str:
        """The stream beside the page of this view."""
        return self._at(f"{PATH}/live")

    def wider(self) -> list[tuple[str, str]]:
        """Name and address of each view with one filter less."""
        without_state = [("any state", self.address(state=""))] if self.state else []
        return without_state + [
            (name, replace(self, **{field: ""}).address())
            for field, name in self.NAMES.items()
            if field in self.chosen
        ]

    def tabs(self, counts: Mapping[DeliveryState, int]) -> list[Tab]:
        """One tab for all deliveries and one for each state.

        ``counts``: of all deliveries; not asked for where something else is filtered, too.
        """
        totals: dict[str, int] = {state.value: count for state, count in counts.items()}
        totals[""] = sum(counts.values())
        return [
            Tab(
                state or "all",
                self.address(state=state),
                is_current=state == self.state,
                count=None if self.is_narrow else totals[state],
            )
            for state in ("", *(each.value for each in DeliveryState))
        ]


def _one_of(choices: type[Choice], text: str) -> str:
    if text and text not in list(choices):
        raise Problem(400, f"there is nothing called {text!r} to filter by")
    return text


def _period(text: str) -> str:
    if text and text not in PERIODS:
        raise Problem(400, f"there is no period called {text!r}")
    return text


def _moment(text: str) -> str:
    moment = read_moment(text)
    if text and (moment is None or moment.year > MAX_YEAR):
        raise Problem(400, f"{text!r} is no moment such as {EXAMPLE}")
    return text.removesuffix("Z")  # with it, the field in the form would stay empty
