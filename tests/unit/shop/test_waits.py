"""Schedule, jitter, Retry-After and lateness are shown separately, as text and in the bar."""

import pytest

from shop.vocabulary import Trigger
from shop.web.deliveries.waits import MAX_BAR_PERCENT, Bar, Wait
from shop.webhooks.rules.retries import Delay


def words(wait: Wait) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in wait.parts]


def drawn(wait: Wait, longest: float | None = None) -> Bar:
    bar = wait.bar(longest or wait.total)
    assert bar is not None
    return bar


def widths(bar: Bar) -> dict[str, float]:
    """Return the widths as shares of the whole bar."""
    return {piece.kind: round(piece.width / MAX_BAR_PERCENT, 2) for piece in bar.segments}


def test_jitter_that_stretches_stands_after_the_schedule() -> None:
    wait = Wait(Delay(8, jitter=1.2), late=0.8)

    assert wait.headline == "waited 10 s"
    assert words(wait) == [
        ("schedule", "schedule 8 s"),
        ("jitter", "jitter +1.2 s"),
        ("late", "started 0.8 s after it was due"),
    ]
    assert widths(drawn(wait)) == {"schedule": 0.8, "jitter": 0.12, "late": 0.08}


def test_jitter_that_shortens_is_an_empty_place_behind_the_plan() -> None:
    wait = Wait(Delay(10, jitter=-2))

    bar = drawn(wait)

    assert wait.headline == "waits 8 s"
    assert words(wait) == [("schedule", "schedule 10 s"), ("saved", "jitter −2 s")]
    assert widths(bar) == {"schedule": 0.8, "saved": 0.2}
    assert bar.due == pytest.approx(0.8 * MAX_BAR_PERCENT)
    assert bar.started is None


def test_a_retry_after_beyond_the_schedule_is_the_rest_of_the_bar() -> None:
    wait = Wait(Delay(2, jitter=0.5, retry_after=5), late=0)

    bar = drawn(wait)

    assert ("retry-after", "Retry-After 5 s, longer than the schedule") in words(wait)
    assert widths(bar) == {"schedule": 0.4, "jitter": 0.1, "retry-after": 0.5}
    assert bar.asked is None
    assert bar.due == bar.started == pytest.approx(MAX_BAR_PERCENT)


def test_a_retry_after_that_asks_for_less_is_only_a_mark() -> None:
    wait = Wait(Delay(4, retry_after=1))

    bar = drawn(wait)

    assert ("retry-after", "Retry-After 1 s, shorter than the schedule") in words(wait)
    assert widths(bar) == {"schedule": 1}
    assert bar.asked == pytest.approx(MAX_BAR_PERCENT / 4, abs=0.01)


def test_what_is_due_at_once_needs_no_bar_unless_it_was_late() -> None:
    assert words(Wait(None, late=0.03)) == [
        ("at-once", "due immediately"),
        ("late", "started 30 ms after it was due"),
    ]
    assert Wait(None, late=0.03).bar(100) is None
    assert widths(drawn(Wait(None, late=13))) == {"late": 1}


def test_what_was_sent_by_hand_says_so() -> None:
    sent_again = Wait(None, trigger=Trigger.MANUAL)
    assert words(sent_again) == [("by-hand", "resent by hand, due immediately")]


def test_an_attempt_on_a_fresh_connection_says_that_it_costs_no_step() -> None:
    [(_kind, text)] = words(Wait(None, trigger=Trigger.RECONNECT))
    assert text == "on a new connection, due immediately; not a step of the schedule"


def test_a_start_before_the_plan_blames_the_clock() -> None:
    wait = Wait(Delay(10), late=-3)

    assert words(wait)[-1] == ("late", "started 3 s before it was due: a clock was set back")
    assert wait.headline == "waited 7 s"
    assert drawn(wait).started == pytest.approx(0.7 * MAX_BAR_PERCENT)


def test_a_try_that_is_not_decided_is_only_expected() -> None:
    wait = Wait(Delay(15), is_decided=False)

    assert wait.headline == "about 15 s"
    assert words(wait) == [("expected", "schedule 15 s, plus or minus jitter")]
    assert widths(drawn(wait)) == {"expected": 1}


@pytest.mark.parametrize("delays", [(2, 4, 8, 15, 30), (5, 300, 1800, 7200, 86400)])
def test_longer_waits_have_longer_bars_that_all_fit(delays: tuple[float, ...]) -> None:
    bars = [drawn(Wait(Delay(seconds)), longest=max(delays)).due for seconds in delays]

    assert bars == sorted(bars)
    assert len(set(bars)) == len(bars)
    assert 6 <= bars[0] < bars[-1] == pytest.approx(MAX_BAR_PERCENT)
