from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.web.charts import HEADROOM_PERCENT, Chart, Series, bar_chart, round_up
from shop.webhooks.rules.time_buckets import Window, minute_of

NOW = datetime(2026, 11, 24, 10, 14, tzinfo=UTC)
HOUR, DAY = Window.last_hour(NOW), Window.last_day(NOW)
THIS_MINUTE = minute_of(NOW)


def chart(*values: dict[int, int], window: Window = HOUR) -> Chart:
    series = [Series(f"kind {number}", "good", one) for number, one in enumerate(values)]
    return bar_chart("it", "It", window, *series)


def test_without_data_there_is_nothing_to_draw_and_no_line_to_trip_over() -> None:
    for empty in (chart(), chart({}), chart({THIS_MINUTE: 0})):
        assert empty.is_empty
        assert empty.columns == ()
        assert empty.rows == ()


def test_one_value_is_one_column_at_the_end_as_high_as_the_highest_line() -> None:
    drawn = chart({THIS_MINUTE: 1})

    [column] = drawn.columns
    [bar] = column.parts
    assert column.x + column.width == pytest.approx(100, abs=0.05)
    assert bar.height == pytest.approx(100 - HEADROOM_PERCENT)
    assert [line.label for line in drawn.lines] == ["1"]
    assert drawn.lines[0].y == bar.y


def test_parts_stand_on_each_other_in_the_order_of_the_series() -> None:
    drawn = chart({THIS_MINUTE: 3}, {THIS_MINUTE: 0}, {THIS_MINUTE: 1})

    [lower, upper] = drawn.columns[0].parts
    assert lower.y + lower.height == pytest.approx(100)
    assert upper.y + upper.height == pytest.approx(lower.y, abs=0.11)
    assert lower.height == pytest.approx(3 * upper.height, abs=0.2)


def test_one_among_a_million_is_still_seen() -> None:
    drawn = chart({THIS_MINUTE: 1_000_000}, {THIS_MINUTE: 1})

    assert drawn.columns[0].parts[1].height >= 1


def test_a_column_tells_its_time_and_its_numbers_but_no_noughts() -> None:
    drawn = bar_chart(
        "it",
        "It",
        HOUR,
        Series("succeeded", "good", {THIS_MINUTE: 1200}),
        Series("waiting", "waiting", {}),
        Series("time", "busy", {THIS_MINUTE: 31}, unit="ms"),
    )

    assert drawn.columns[0].words == "10:14 UTC: 1,200 succeeded, 31 ms"
    assert drawn.rows == (("10:14", (1200, 0, 31)),)


def test_the_table_begins_with_the_newest() -> None:
    drawn = chart({THIS_MINUTE - 5: 1, THIS_MINUTE: 2})

    assert [name for name, _values in drawn.rows] == ["10:14", "10:09"]


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (5, 6), (7, 8), (10, 10), (24, 30), (99, 100), (401, 600)],
)
def test_the_highest_line_is_at_a_round_number(value: int, top: int) -> None:
    assert round_up(value) == top


VALUES = st.dictionaries(
    st.integers(HOUR.first_minute - 5, THIS_MINUTE + 5), st.integers(0, 10**9), max_size=60
)


@given(st.lists(VALUES, max_size=5), st.sampled_from([HOUR, DAY]))
def test_nothing_is_ever_drawn_outside_of_the_chart(
    values: list[dict[int, int]], window: Window
) -> None:
    drawn = chart(*values, window=window)

    for column in drawn.columns:
        assert column.x >= 0
        assert column.width > 0
        assert column.x + column.width <= 100.05
        for part in column.parts:
            assert part.height > 0
            assert part.y >= 0
            assert part.y + part.height <= 100.1
    for line in drawn.lines:
        assert HEADROOM_PERCENT <= line.y <= 100


@given(st.integers(0, 10**12))
def test_a_round_number_is_never_below_the_value(value: int) -> None:
    assert value <= round_up(value) <= max(2 * value, 1)
