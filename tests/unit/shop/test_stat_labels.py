from datetime import timedelta

import pytest

from shop.web.stat_labels import age, counted, meaning, milliseconds, percent, tone_of_rate


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.0000001, "0.1 %"),
        (0.5, "50 %"),
        (0.9732, "97.3 %"),
        (0.99999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_rounded_to_0_or_100_percent_only_if_exact(
    share: float | None, said: str
) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("share", "tone"), [(None, ""), (1, "good"), (0.99, "good"), (0.95, "waiting"), (0.5, "bad")]
)
def test_a_rate_has_a_tone(share: float | None, tone: str) -> None:
    assert tone_of_rate(share) == tone


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0 ms"), (31.6, "32 ms"), (1240, "1.2 s")]
)
def test_durations_are_in_milliseconds_or_seconds(value: float | None, said: str) -> None:
    assert milliseconds(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (12.9, "12 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_an_age_has_one_unit(seconds: float, said: str) -> None:
    assert age(timedelta(seconds=seconds)) == said


def test_known_reasons_are_explained() -> None:
    assert meaning("503") == "Service Unavailable"
    assert meaning("connection_refused") == "nothing listens at this address and port"
    assert meaning("599") == ""


def test_one_is_followed_by_the_singular() -> None:
    assert counted(1, "order", "orders") == "1 order"
    assert counted(1200, "order", "orders") == "1,200 orders"
