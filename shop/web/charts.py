"""Bar charts as numbers: position and height of each bar. Pure.

``templates/shared/chart_macros.html`` draws them. All coordinates are in percent of the chart, from
its upper left corner. A column is a time bucket; its parts are stacked in the order of the series.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shop.webhooks.rules.time_buckets import Window

HEADROOM_PERCENT = 22.0  # above the highest bar, for the text of a column
MINUTES_PER_HOUR = 60
MIN_PART_PERCENT = 1.5  # so that one failure among a thousand successes is visible


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a chart. ``tone``: its color in the style sheet. ``name``: in the legend.

    ``unit``: follows the number in the text of a column; ``name`` if it is empty.
    """

    name: str
    tone: str
    values: Mapping[int, int]  # by bucket
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One series in one column."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One time bucket. ``x``: left edge. ``words``: time and numbers as text."""

    bucket: int
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
    """A chart. ``columns``: those that are not empty. ``marks``: labels below the axis.

    ``rows``: of the table with the same data: time of the bucket, one number for each series.
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
    """Return a chart of these series over a window. ``id_``: unique on its page."""
    buckets = list(window.bucket_starts)
    columns = {bucket: tuple(one.values.get(bucket, 0) for one in series) for bucket in buckets}
    filled = {bucket: values for bucket, values in columns.items() if any(values)}
    top = round_up(max((sum(values) for values in filled.values()), default=0))
    width = 100 / len(buckets)
    return Chart(
        id_,
        title,
        series,
        tuple(
            Column(
                bucket,
                _round((bucket - buckets[0]) / window.bucket_minutes * width, 2),
                _round(width, 2),
                stack(values, [one.tone for one in series], top),
                f"{window.bucket_label(bucket)} UTC: {_in_words(values, series)}",
            )
            for bucket, values in filled.items()
        ),
        tuple(Line(_round(_y(value, top)), f"{value:,}") for value in _line_values(top)),
        _marks(window),
        tuple((window.bucket_label(bucket), values) for bucket, values in reversed(filled.items())),
    )


def stack(values: Sequence[int], tones: Sequence[str], top: int) -> tuple[Part, ...]:
    """Return the parts of a column from bottom to top. ``top``: the value of the highest line."""
    parts = []
    y = 100.0
    for value, tone in zip(values, tones, strict=True):
        if value > 0:
            height = min(max(100 - _y(value, top), MIN_PART_PERCENT), y)
            y -= height
            parts.append(Part(tone, _round(y), _round(height)))
    return tuple(parts)


def round_up(value: float) -> int:
    """Return the next of 1, 2, 4, 6, 8, 10, 20, 40, 60, …: even, so that its half is round too."""
    if value <= 1:
        return 1
    power: int = 10 ** int(math.log10(value))
    steps = (step * power for step in (1, 2, 3, 4, 6, 8, 10, 20))
    return next(step for step in steps if step >= value and step % 2 == 0)


def _y(value: float, top: int) -> float:
    return 100 - value / top * (100 - HEADROOM_PERCENT)


def _line_values(top: int) -> list[int]:
    return [top, top // 2] if top > 1 else [top]


def _marks(window: Window) -> tuple[str, ...]:
    """Return the labels below the axis, at equal distances."""
    if window.bucket_count * window.bucket_minutes == MINUTES_PER_HOUR:
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
