from datetime import UTC, datetime

import pytest

from shop.webhooks.rules.responses import Outcome, outcome_of, retry_after_seconds

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_succeeds(status: int) -> None:
    assert outcome_of(status) is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    "status", [199, 300, 301, 304, 307, 400, 401, 404, 409, 429, 500, 503, 599]
)
def test_other_answers_are_tried_again_redirects_included(status: int) -> None:
    assert outcome_of(status) is Outcome.RETRY


def test_no_answer_is_tried_again() -> None:
    assert outcome_of(None) is Outcome.RETRY


def test_410_means_that_the_endpoint_is_gone() -> None:
    assert outcome_of(410) is Outcome.GONE


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        (" 17 ", 17),
        ("3600", 3600),
        ("1000000000", 3600),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 13:02:00 +0100", 120),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("Tue, 24 Nov 2099 11:00:00 GMT", 3600),
    ],
)
def test_retry_after_is_seconds_or_a_date_up_to_an_hour(value: str, seconds: float) -> None:
    assert retry_after_seconds(503, {"retry-after": value}, now=NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "٣",
        "99999999999999999999",
        "Tue, 99 Nov 2026",
        "\x00",
        "24 Nov 99999999999",
    ],
)
def test_rubbish_in_retry_after_is_ignored(value: str) -> None:
    assert retry_after_seconds(429, {"retry-after": value}, now=NOW) == 0


@pytest.mark.parametrize("status", [None, 200, 404, 500, 502])
def test_only_429_and_503_may_say_when(status: int | None) -> None:
    assert retry_after_seconds(status, {"retry-after": "60"}, now=NOW) == 0


def test_an_answer_without_headers_asks_for_nothing() -> None:
    assert retry_after_seconds(503, None, now=NOW) == 0
