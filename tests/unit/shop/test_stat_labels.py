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
def test_only_all_is_a_hundred_per_cent_and_only_nothing_is_none(
    share: float | None, said: str
) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("share", "tone"), [(None, ""), (1, "good"), (0.99, "good"), (0.95, "waiting"), (0.5, "bad")]
)
def test_a_rate_is_good_or_bad_or_between(share: float | None, tone: str) -> None:
    assert tone_of_rate(share) == tone


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0 ms"), (31.6, "32 ms"), (1240, "1.2 s")]
)
def test_durations_are_short_words(value: float | None, said: str) -> None:
    assert milliseconds(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (12.9, "12 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_an_age_has_one_unit(seconds: float, said: str) -> None:
    assert age(timedelta(seconds=seconds)) == said


def test_reasons_are_explained_as_far_as_they_are_known() -> None:
    assert meaning("503") == "Service Unavailable"
    assert meaning("connection_refused") == "nobody listens at its address"
    assert meaning("599") == ""


def test_one_is_not_many() -> None:
    assert counted(1, "order", "orders") == "1 order"
    assert counted(1200, "order", "orders") == "1,200 orders"
