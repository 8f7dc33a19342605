"""The steps of an advance: none jumps over a planned moment, and all together go its distance."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shop.webhooks.rules.advances import Step, ms_until, next_step, whole_ms

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MS = st.integers(min_value=0, max_value=10**10)


@given(distance=MS, planned=st.lists(MS))
def test_an_advance_stops_at_each_moment_within_its_distance_and_goes_all_of_it(
    distance: int, planned: list[int]
) -> None:
    stops, position, remaining = [], 0, distance
    ahead = sorted(planned)
    while True:
        step = next_step(remaining, ahead[0] - position if ahead else None)
        position, remaining = position + step.skip_ms, step.remaining_ms
        if step.is_last:
            break
        stops.append(position)
        ahead = [moment for moment in ahead if moment > position]  # those that are due are made

    assert stops == sorted({moment for moment in planned if moment <= distance})
    assert position == distance
    assert remaining == 0


@given(planned=MS, retry=st.none() | st.integers(min_value=1, max_value=10**10))
def test_an_advance_to_the_next_attempt_stops_once(planned: int, retry: int | None) -> None:
    first = next_step(None, planned)
    second = next_step(first.remaining_ms, retry)

    assert first == Step(planned, 0, is_last=False)
    assert second == Step(0, 0, is_last=True)


def test_an_advance_to_the_next_attempt_skips_nothing_if_none_is_planned() -> None:
    assert next_step(None, None) == Step(0, 0, is_last=True)


@given(microseconds=st.integers(min_value=-(10**13), max_value=10**13))
def test_a_moment_is_due_after_a_step_to_it_and_was_not_a_millisecond_before(
    microseconds: int,
) -> None:
    planned_at = NOW + timedelta(microseconds=microseconds)

    away = ms_until(planned_at, NOW)

    assert away is not None
    assert planned_at - timedelta(milliseconds=away) <= NOW
    assert away == 0 or planned_at - timedelta(milliseconds=away - 1) > NOW


def test_nothing_planned_is_no_distance() -> None:
    assert ms_until(None, NOW) is None
    assert whole_ms(timedelta(microseconds=1)) == 1
