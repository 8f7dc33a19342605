"""Where everything of a story stands in its picture: two lanes, time running down. Pure.

Called by ``pages`` once for wide screens and once for narrow ones; the template turns it into SVG.
All lengths are in the units of the picture's ``viewBox``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from subscriber_app.explaining.trace import Kind, Lane, ReceivedRequest
from subscriber_app.web.story.words import Line

TOP = 64
ROW = 48  # between two happenings, when no time passes
CHECKS = 12  # a row of marks below a verification
MAX_STRETCH = 40
BOTTOM = 40
MIN_NAMED_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Layout:
    """A width, and where lanes and their labels stand. ``shop_anchor``: the SVG text-anchor."""

    name: str
    width: int
    shop_x: int
    subscriber_x: int
    shop_label_x: int
    subscriber_label_x: int
    shop_anchor: str
    longest_text: int  # characters

    def x(self, lane: Lane) -> int:
        """Of the lane itself."""
        return self.shop_x if lane is Lane.SHOP else self.subscriber_x

    def label_x(self, lane: Lane) -> int:
        """Of what is written beside it."""
        return self.shop_label_x if lane is Lane.SHOP else self.subscriber_label_x


# Labels stand outside of the lanes where there is room, and all to the right where there is none.
WIDE = Layout("wide", 960, 350, 610, 326, 634, "end", 40)
NARROW = Layout("narrow", 360, 16, 60, 84, 84, "start", 34)


@dataclass(frozen=True, slots=True)
class Row:
    """A happening: its point on a lane, and its label."""

    line: Line
    x: int
    y: float
    label_x: int
    anchor: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one lane to the other; one that is ``lost`` ends on the way."""

    x1: int
    y1: float
    x2: int
    y2: float
    tone: str
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of the lanes in which nothing happens for long."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole picture."""

    layout: Layout
    height: float
    rows: Sequence[Row]
    arrows: Sequence[Arrow]
    pauses: Sequence[Pause]


def draw(lines: Sequence[Line], layout: Layout) -> Drawing:
    """Place the lines of a story, which has at least one."""
    places, pauses = _places(lines)
    rows = [_row(line, y, layout) for line, y in zip(lines, places, strict=True)]
    return Drawing(layout, places[-1] + BOTTOM, rows, _arrows(rows, layout), pauses)


def _places(lines: Sequence[Line]) -> tuple[list[float], list[Pause]]:
    """The height of each line: further apart the more time passes, yet never far apart."""
    places, pauses = [float(TOP)], []
    for earlier, later in pairwise(lines):
        passed = max(later.happening.at - earlier.happening.at, timedelta())
        distance = ROW + _stretch(passed) + (CHECKS if earlier.results else 0)
        if passed >= MIN_NAMED_PAUSE:
            distance += ROW / 2
            pauses.append(Pause(places[-1] + distance / 2, _duration(passed)))
        places.append(round(places[-1] + distance, 1))
    return places, pauses


def _stretch(passed: timedelta) -> float:
    return min(MAX_STRETCH, 8 * math.log10(1 + passed / timedelta(milliseconds=1)))


def _duration(passed: timedelta) -> str:
    if passed < timedelta(minutes=2):
        return f"{passed.total_seconds():.1f} s"
    if passed < timedelta(hours=2):
        return f"{passed / timedelta(minutes=1):.0f} min"
    return f"{passed / timedelta(hours=1):.0f} h"


def _row(line: Line, y: float, layout: Layout) -> Row:
    lane = line.happening.kind.lane
    detail = " · ".join(part for part in (line.elapsed, line.detail) if part)
    return Row(
        line,
        x=layout.x(lane),
        y=y,
        label_x=layout.label_x(lane),
        anchor=layout.shop_anchor if lane is Lane.SHOP else "start",
        title=_cut(line.title, layout.longest_text),
        detail=_cut(detail, layout.longest_text + 6),  # its type is smaller
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _arrows(rows: Sequence[Row], layout: Layout) -> list[Arrow]:
    at = {_key(row.line): row for row in rows}
    arrows = []
    for row in rows:
        happening = row.line.happening
        if happening.kind is Kind.SENT:
            arrows.append(_out(row, at, layout))
        elif happening.kind is Kind.ANSWERED and happening.request:
            arrows.append(_back(row, at[_last_key(happening.request)], layout))
    return arrows


def _back(row: Row, last: Row, layout: Layout) -> Arrow:
    """Our answer on its way to the shop, which may not get it."""
    attempt = row.line.happening.attempt
    if attempt and attempt.response:
        return Arrow(last.x, last.y, row.x, row.y, row.line.tone)
    halfway = (layout.shop_x + layout.subscriber_x) // 2
    return Arrow(last.x, last.y, halfway, (last.y + row.y) / 2, "bad", is_lost=True)


def _out(row: Row, at: dict[tuple[Kind, str], Row], layout: Layout) -> Arrow:
    request = row.line.happening.request
    if request:
        arrival = at[Kind.RECEIVED, request.receipt_id]
        return Arrow(row.x, row.y, arrival.x, arrival.y, "busy")
    attempt = row.line.happening.attempt
    halfway = (layout.shop_x + layout.subscriber_x) // 2
    if attempt and attempt.response:  # it arrived; its receipt is forgotten
        return Arrow(row.x, row.y, layout.subscriber_x, row.y + ROW / 2, "muted")
    return Arrow(row.x, row.y, halfway, row.y + ROW / 4, "bad", is_lost=True)


def _key(line: Line) -> tuple[Kind, str]:
    request, attempt = line.happening.request, line.happening.attempt
    if line.happening.kind.lane is Lane.SUBSCRIBER and request:
        return line.happening.kind, request.receipt_id
    return line.happening.kind, str(attempt.number if attempt else "")


def _last_key(request: ReceivedRequest) -> tuple[Kind, str]:
    return Kind.BOOKED if request.booked_at else Kind.VERIFIED, request.receipt_id
