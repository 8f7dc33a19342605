"""Bar charts as numbers: where each bar begins and how high it is. Pure.

``templates/shared/chart_macros.html`` draws them.

A chart is as wide as its page lets it be, so all is in per cent of it, from the upper left corner.
A column is a slot of time. Its parts stand on each other, in the order of the series.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shop.webhooks.rules.time_buckets import Window

HEADROOM = 22.0  # per cent above the highest bar, where the words of a column are shown
MINUTES_OF_AN_HOUR = 60
SMALLEST = 1.5  # per cent: one failure among a thousand successes is still seen


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart. ``tone``: as in the style sheet; ``name``: the word beside it.

    ``unit``: what comes after the number in the words of a column, ``name`` if it is empty.
    """

    name: str
    tone: str
    values: Mapping[int, int]  # by slot
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One series in one column."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """All of one slot, from ``x`` on. ``words``: time and numbers."""

    slot: int
    x: float
    width: float
    parts: tuple[Part, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line at a round number."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What ``chart_macros.html`` draws. ``columns``: those in which there is something.

    ``rows``: for the table, name of the slot and one number for each series.
    """

    id: str
    title: str
    series: tuple[Series, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    marks: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.columns


def bar_chart(id_: str, title: str, window: Window, *series: Series) -> Chart:
    """A chart of these series over a window; ``id_``: unique on its page."""
    slots = list(window.slot_beginnings)
    columns = {slot: tuple(one.values.get(slot, 0) for one in series) for slot in slots}
    filled = {slot: values for slot, values in columns.items() if any(values)}
    top = round_up(max((sum(values) for values in filled.values()), default=0))
    width = 100 / len(slots)
    return Chart(
        id_,
        title,
        series,
        tuple(
            Column(
                slot,
                _round((slot - slots[0]) / window.slot_minutes * width, 2),
                _round(width, 2),
                stack(values, [one.tone for one in series], top),
                f"{window.name_of(slot)} UTC: {_in_words(values, series)}",
            )
            for slot, values in filled.items()
        ),
        tuple(Line(_round(_y(value, top)), f"{value:,}") for value in _line_values(top)),
        _marks(window),
        tuple((window.name_of(slot), values) for slot, values in reversed(filled.items())),
    )


def stack(values: Sequence[int], tones: Sequence[str], top: int) -> tuple[Part, ...]:
    """The parts of a column from its foot upwards; ``top``: the value at the highest line."""
    parts = []
    y = 100.0
    for value, tone in zip(values, tones, strict=True):
        if value > 0:
            height = min(max(100 - _y(value, top), SMALLEST), y)
            y -= height
            parts.append(Part(tone, _round(y), _round(height)))
    return tuple(parts)


def round_up(value: float) -> int:
    """The next of 1, 2, 4, 6, 8, 10, 20, 30, 40, 60, …: it and its half are easy to read off."""
    if value <= 1:
        return 1
    power: int = 10 ** int(math.log10(value))
    steps = (step * power for step in (1, 2, 3, 4, 6, 8, 10, 20))
    return next(step for step in steps if step >= value and step % 2 == 0)


def _y(value: float, top: int) -> float:
    return 100 - value / top * (100 - HEADROOM)


def _line_values(top: int) -> list[int]:
    return [top, top // 2] if top > 1 else [top]


def _marks(window: Window) -> tuple[str, ...]:
    """What stands below the axis, evenly spread."""
    if window.slots * window.slot_minutes == MINUTES_OF_AN_HOUR:
        return ("1 h ago", "45 min", "30 min", "15 min", "now")
    return ("24 h ago", "18 h", "12 h", "6 h", "now")


def _in_words(values: Sequence[int], series: Sequence[Series]) -> str:
    return ", ".join(
        f"{value:,} {one.unit or one.name}"
        for value, one in zip(values, series, strict=True)
        if value
    )


def _round(number: float, digits: int = 1) -> float:
    return round(number, digits)
