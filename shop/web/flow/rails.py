"""The rails of the flow as SVG paths: the line, its branches, and the tracks beside it. Pure.

Each drawing is stretched over its part of the page. There, `static/css/flow.css` makes stations
columns of equal width and lanes rows of equal height. So positions in the drawing match the page
for any width, font size and number of lanes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

COLUMN = 100.0  # width of a station
GUTTER = 40.0  # between the last station and the lanes, as in the style sheet
DEPTH = 300.0  # from the line down to the track back to the waiting area
ARC = 42.0  # height of the track around Redis
LANE = 86.0  # height of a lane
SIDING = 18.0  # from the branch to a lane's sign
OVERLAP = 3.0
BEND = 20.0  # radius of a curve
HEADING = 60.0  # above the first lane on narrow screens
DASHES = COLUMN / 2  # length of the dashed line on each side of Redis while it is down


@dataclass(frozen=True, slots=True)
class Rail:
    """One line. `path`: SVG path data. `kind`: line, broken, bypass, waiting, rejected or arrow."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Dock:
    """A point of a drawing through which dots move on their way to the stop of this name."""

    stop: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG drawing. `width` and `height`: of its viewBox."""

    name: str
    width: float
    height: float
    rails: Sequence[Rail]
    docks: Sequence[Dock] = ()


@dataclass(frozen=True, slots=True)
class Rails:
    """All drawings. `stem`, `gap` and `column` are for narrow screens.

    `line` starts at the height of the stations' signs, `bypass` ends there. `gap`: the part of the
    stem at Redis, while it is down. `lanes` and `column`: None without lanes.
    """

    line: Drawing
    bypass: Drawing
    lanes: Drawing | None
    stem: Drawing
    gap: Drawing
    column: Drawing | None


def lay_rails(stations: Sequence[str], lane_count: int, *, redis_answers: bool) -> Rails:
    """Return all drawings. `stations`: their keys from left to right."""
    centers = {key: COLUMN * (index + 0.5) for index, key in enumerate(stations)}
    return Rails(
        line=_line(centers, redis_answers=redis_answers),
        bypass=_bypass(centers),
        lanes=_lanes(lane_count) if lane_count else None,
        stem=Drawing("stem", SIDING, DEPTH, [Rail("line", _down(0, DEPTH))]),
        gap=Drawing("gap", SIDING, DEPTH, [Rail("broken", _down(0, DEPTH))]),
        column=_column(lane_count) if lane_count else None,
    )


def _line(centers: dict[str, float], *, redis_answers: bool) -> Drawing:
    end = COLUMN * len(centers)
    redis, x = centers["redis"], end + GUTTER / 2
    if redis_answers:
        line = [Rail("line", _straight(COLUMN / 2, end + GUTTER))]
    else:
        line = [
            Rail("line", _straight(COLUMN / 2, redis - DASHES)),
            Rail("broken", _straight(redis - DASHES, redis + DASHES)),
            Rail("line", _straight(redis + DASHES, end + GUTTER)),
        ]
    # The waiting area covers the lower end of this rail.
    between = (centers["database"] + redis) / 2
    down = Rail("waiting", f"M{between:g} 0V{DEPTH:g}")
    bend = f"Q{x:g} {DEPTH:g} {end:g} {DEPTH:g}"
    back = Rail("rejected", f"M{x:g} 0V{DEPTH - BEND:g}{bend}")
    arrow = Rail("arrow", f"M{end + 7:g} {DEPTH - 6:g}L{end:g} {DEPTH:g}L{end + 7:g} {DEPTH + 6:g}")
    docks = [
        Dock("back", x, 0),
        Dock("back", x, DEPTH - BEND),
        Dock("hold", between, 0),
        Dock("hold", between, DEPTH / 2),
    ]
    return Drawing("line", end + GUTTER, DEPTH, [down, back, arrow, *line], docks)


def _straight(start: float, end: float) -> str:
    return f"M{start:g} 0H{end:g}"


def _down(start: float, end: float) -> str:
    return f"M{SIDING / 2:g} {start:g}V{end:g}"


def _bypass(centers: dict[str, float]) -> Drawing:
    """Draw the track from the database to the worker, for deliveries that a worker polls."""
    left, right, top = centers["database"], centers["worker"], 2.0
    path = (
        f"M{left:g} {ARC:g}V{top + BEND:g}Q{left:g} {top:g} {left + BEND:g} {top:g}"
        f"H{right - BEND:g}Q{right:g} {top:g} {right:g} {top + BEND:g}V{ARC:g}"
    )
    docks = [Dock("bypass", left + BEND / 2, top), Dock("bypass", right - BEND / 2, top)]
    return Drawing("bypass", COLUMN * len(centers) + GUTTER, ARC, [Rail("bypass", path)], docks)


def _lanes(count: int) -> Drawing:
    """Draw the branch from the end of the line to the sign of each lane."""
    # Start inside the end of the line, so that there is no gap between the drawings.
    paths = [f"M-{OVERLAP:g} 0H{SIDING:g}"]
    for index in range(1, count):
        y = LANE * index
        start = 0 if index == count - 1 else y - BEND
        paths.append(f"M0 {start:g}V{y - BEND:g}Q0 {y:g} {SIDING:g} {y:g}")
    rails = [Rail("line", path) for path in paths]
    return Drawing("lanes", SIDING, LANE * count, rails)


def _column(count: int) -> Drawing:
    """Draw the line straight down through the signs of all lanes."""
    path = _down(-HEADING, LANE * (count - 1))
    return Drawing("column", SIDING, LANE * count, [Rail("line", path)])
