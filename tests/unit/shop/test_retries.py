import pytest

from shop.webhooks.rules.retries import JITTER, NAMED_SCHEDULES, Delay, RetrySchedule


def no_jitter() -> float:
    return 0.5


def test_the_demo_schedule_makes_six_attempts_and_then_gives_up() -> None:
    schedule = RetrySchedule.parse("demo")

    delays = [schedule.delay_before(number, no_jitter) for number in range(1, 8)]

    assert delays == [*(Delay(seconds) for seconds in (0, 2, 4, 8, 15, 30)), None]


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

    assert delay
    assert delay.schedule == 8
    assert delay.jitter == pytest.approx(8 * factor - 8)
    assert delay.seconds == pytest.approx(8 * factor)


@pytest.mark.parametrize(
    ("asked", "waited"), [(0, 9.5), (5, 9.5), (9, 9.5), (12, 12), (3600, 3600)]
)
def test_an_endpoint_can_ask_for_more_patience_and_never_for_less(
    asked: float, waited: float
) -> None:
    assert Delay(schedule=8, jitter=1.5, retry_after=asked).seconds == waited


def test_what_the_schedule_still_has_in_store_is_known() -> None:
    schedule = RetrySchedule((0, 2, 4))

    assert [schedule.delays_after(made) for made in range(5)] == [
        (0, 2, 4),
        (2, 4),
        (4,),
        (),
        (),
    ]
