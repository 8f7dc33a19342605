"""Places the lines of a trace in a picture: two lanes, with time running down. Pure.

The template turns the result into SVG. All lengths are in units of the picture's ``viewBox``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from subscriber_app.explaining.trace import Kind, Lane, ReceivedRequest
from subscriber_app.web.trace.labels import Line, duration_label

TOP_MARGIN = 64
ROW_HEIGHT = 48  # the distance of two events at the same time
CHECK_MARKS_HEIGHT = 12  # of the row of marks below a verification
MAX_STRETCH = 40  # added to a row's height for the time that passes
BOTTOM_MARGIN = 40
MIN_NAMED_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Layout:
    """The positions of lanes and labels for one width. ``shop_anchor``: an SVG text-anchor."""

    name: str
    width: int
    shop_x: int
    subscriber_x: int
    shop_label_x: int
    subscriber_label_x: int
    shop_anchor: str
    max_text_length: int  # in characters

    def x(self, lane: Lane) -> int:
        """Return the x position of the lane."""
        return self.shop_x if lane is Lane.SHOP else self.subscriber_x

    def label_x(self, lane: Lane) -> int:
        """Return the x position of the lane's labels."""
        return self.shop_label_x if lane is Lane.SHOP else self.subscriber_label_x


# Labels are outside of the lanes on wide screens, and to the right of both on narrow ones.
WIDE = Layout("wide", 960, 350, 610, 326, 634, "end", 40)
NARROW = Layout("narrow", 360, 16, 60, 84, 84, "start", 34)


@dataclass(frozen=True, slots=True)
class Row:
    """An event: its point on a lane, and its label."""

    line: Line
    x: int
    y: float
    label_x: int
    anchor: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A request or a response between the lanes. One that is lost ends halfway."""

    x1: int
    y1: float
    x2: int
    y2: float
    tone: str
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """The label of a long time in which nothing happens."""

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
    """Return the picture of these lines. ``lines``: at least one."""
    heights, pauses = _heights(lines)
    rows = [_row(line, y, layout) for line, y in zip(lines, heights, strict=True)]
    return Drawing(layout, heights[-1] + BOTTOM_MARGIN, rows, _arrows(rows, layout), pauses)


def _heights(lines: Sequence[Line]) -> tuple[list[float], list[Pause]]:
    """Return the y position of each line. Distances grow with the logarithm of the time passed."""
    heights, pauses = [float(TOP_MARGIN)], []
    for earlier, later in pairwise(lines):
        passed = max(later.event.at - earlier.event.at, timedelta())
        distance = ROW_HEIGHT + _stretch(passed) + (CHECK_MARKS_HEIGHT if earlier.results else 0)
        if passed >= MIN_NAMED_PAUSE:
            distance += ROW_HEIGHT / 2
            pauses.append(Pause(heights[-1] + distance / 2, duration_label(passed)))
        heights.append(round(heights[-1] + distance, 1))
    return heights, pauses


def _stretch(passed: timedelta) -> float:
    return min(MAX_STRETCH, 8 * math.log10(1 + passed / timedelta(milliseconds=1)))


def _row(line: Line, y: float, layout: Layout) -> Row:
    lane = line.event.kind.lane
    detail = " · ".join(part for part in (line.elapsed, line.detail) if part)
    return Row(
        line,
        x=layout.x(lane),
        y=y,
        label_x=layout.label_x(lane),
        anchor=layout.shop_anchor if lane is Lane.SHOP else "start",
        title=_truncate(line.title, layout.max_text_length),
        detail=_truncate(detail, layout.max_text_length + 6),  # set in smaller type
    )


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _arrows(rows: Sequence[Row], layout: Layout) -> list[Arrow]:
    at = {_key(row.line): row for row in rows}
    arrows = []
    for row in rows:
        event = row.line.event
        if event.kind is Kind.SENT:
            arrows.append(_request_arrow(row, at, layout))
        elif event.kind is Kind.ANSWERED and event.request:
            arrows.append(_response_arrow(row, at[_last_key(event.request)], layout))
    return arrows


def _response_arrow(row: Row, last: Row, layout: Layout) -> Arrow:
    """Return the arrow of our response, which may not have reached the shop."""
    attempt = row.line.event.attempt
    if attempt and attempt.response:
        return Arrow(last.x, last.y, row.x, row.y, row.line.tone)
    halfway = (layout.shop_x + layout.subscriber_x) // 2
    return Arrow(last.x, last.y, halfway, (last.y + row.y) / 2, "bad", is_lost=True)


def _request_arrow(row: Row, at: dict[tuple[Kind, str], Row], layout: Layout) -> Arrow:
    request = row.line.event.request
    if request:
        arrival = at[Kind.RECEIVED, request.receipt_id]
        return Arrow(row.x, row.y, arrival.x, arrival.y, "busy")
    attempt = row.line.event.attempt
    halfway = (layout.shop_x + layout.subscriber_x) // 2
    if attempt and attempt.response:  # it arrived, but its receipt has been deleted
        return Arrow(row.x, row.y, layout.subscriber_x, row.y + ROW_HEIGHT / 2, "muted")
    return Arrow(row.x, row.y, halfway, row.y + ROW_HEIGHT / 4, "bad", is_lost=True)


def _key(line: Line) -> tuple[Kind, str]:
    request, attempt = line.event.request, line.event.attempt
    if line.event.kind.lane is Lane.SUBSCRIBER and request:
        return line.event.kind, request.receipt_id
    return line.event.kind, str(attempt.number if attempt else "")


def _last_key(request: ReceivedRequest) -> tuple[Kind, str]:
    return Kind.BOOKED if request.booked_at else Kind.VERIFIED, request.receipt_id
