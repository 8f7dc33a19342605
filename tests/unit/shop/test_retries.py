import pytest

from shop.webhooks.retries import JITTER, NAMED_SCHEDULES, RetrySchedule


def no_jitter() -> float:
    return 0.5


def test_the_demo_schedule_makes_six_attempts_and_then_gives_up() -> None:
    schedule = RetrySchedule.parse("demo")

    delays = [schedule.delay_before(number, no_jitter) for number in range(1, 8)]

    assert delays == [0, 2, 4, 8, 15, 30, None]


def test_the_standard_schedule_spreads_ten_attempts_over_about_three_days() -> None:
    schedule = RetrySchedule.parse("standard")

    assert len(schedule.delays) == 10
    assert 2.5 < sum(schedule.delays) / 86400 < 3.5


def test_a_schedule_can_be_a_list_of_seconds() -> None:
    assert RetrySchedule.parse("0, 0.5, 60").delays == (0, 0.5, 60)


@pytest.mark.parametrize("text", ["", "soon", "1,,2", "-1", "nan", "inf", "1e9", "demo,standard"])
def test_a_schedule_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="seconds"):
        RetrySchedule.parse(text)


@pytest.mark.parametrize(("dice", "factor"), [(0.0, 1 - JITTER), (0.5, 1), (1.0, 1 + JITTER)])
def test_jitter_stretches_or_shortens_a_delay_by_a_fifth_at_most(
    dice: float, factor: float
) -> None:
    schedule = RetrySchedule(NAMED_SCHEDULES["demo"])

    delay = schedule.delay_before(4, lambda: dice)

    assert delay == pytest.approx(8 * factor)
