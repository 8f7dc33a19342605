import re
from itertools import pairwise

import pytest

from shop.web.flow.rails import COLUMN, GUTTER, LANE, Drawing, Rails, lay_rails

STATIONS = ["customer", "shop", "database", "redis", "worker"]
# The x position of each station's center.
SIGNS = [COLUMN * (index + 0.5) for index in range(len(STATIONS))]


def rails(lanes: int = 1, *, redis_answers: bool = True) -> Rails:
    return lay_rails(STATIONS, lanes, redis_answers=redis_answers)


def spans(drawing: Drawing, kind: str) -> list[tuple[float, float]]:
    """Return start and end of the straight rails of this kind, from left to right."""
    paths = [rail.path for rail in drawing.rails if rail.kind == kind]
    found = [re.fullmatch(r"M([\d.]+) 0H([\d.]+)", path) for path in paths]
    return [(float(each[1]), float(each[2])) for each in found if each]


def ends(drawing: Drawing) -> list[float]:
    """Return the heights at which the rails end."""
    return [float(re.split(r"[ HV]", rail.path)[-1]) for rail in drawing.rails]


def test_the_line_leads_from_the_first_station_to_the_lanes() -> None:
    line = rails().line

    assert spans(line, "line") == [(SIGNS[0], line.width)]
    assert line.width == COLUMN * len(STATIONS) + GUTTER


def test_the_line_is_broken_on_both_sides_of_a_redis_that_is_down() -> None:
    line = rails(redis_answers=False).line

    [(start, end)] = spans(line, "broken")
    assert start < SIGNS[3] < end
    pieces = sorted(spans(line, "line") + spans(line, "broken"))
    assert (pieces[0][0], pieces[-1][1]) == (SIGNS[0], line.width)
    assert all(left[1] == right[0] for left, right in pairwise(pieces))


def test_the_bypass_leads_from_the_database_to_the_worker_above_the_line() -> None:
    bypass = rails().bypass

    [rail] = bypass.rails
    assert rail.path.startswith(f"M{SIGNS[2]:g} {bypass.height:g}")
    assert rail.path.endswith(f"Q{SIGNS[4]:g} 2 {SIGNS[4]:g} 22V{bypass.height:g}")
    assert bypass.width == rails().line.width


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_branch_leads_to_the_sign_of_each_lane(count: int) -> None:
    lanes = rails(count).lanes

    assert lanes
    assert lanes.height == LANE * count
    assert ends(lanes) == [18.0, *(LANE * index for index in range(1, count))]


def test_on_a_narrow_screen_one_line_leads_down_to_the_last_lane() -> None:
    column = rails(4).column

    assert column
    assert ends(column) == [LANE * 3]


def test_without_endpoints_there_are_no_branches() -> None:
    assert (rails(0).lanes, rails(0).column) == (None, None)


def test_rejected_deliveries_fly_along_their_own_rail() -> None:
    line, bypass = rails().line, rails().bypass

    own = [(dock.stop, dock.x) for dock in line.docks if dock.stop == "back"]
    assert own == [("back", line.width - GUTTER / 2)] * 2
    assert {dock.stop for dock in bypass.docks} == {"bypass"}


def test_deliveries_on_hold_leave_the_line_between_two_stations() -> None:
    down = [dock.x for dock in rails().line.docks if dock.stop == "hold"]

    assert down == [3 * COLUMN] * 2
