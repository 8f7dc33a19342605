"""The rules by which a case passes, and what a run of cases amounts to."""

import pytest

from shop.exam.case import Effects, Judge, Observation, Verdict
from shop.exam.judging import (
    accepted,
    each_in_time,
    ends_as,
    first_counts,
    happened_once,
    happened_once_at_once,
    ignored,
    not_crashed,
    nothing_lost,
    nothing_twice,
    percentile_95,
    quick_in_general,
    refused,
    rejected,
    still_accepts,
    too_large,
)
from shop.exam.wire import Answer, Exchange, WebhookRequest
from shop.vocabulary import AttemptError

RESET = Answer(error=AttemptError.CONNECTION_RESET)
TIMEOUT = Answer(error=AttemptError.RESPONSE_TIMEOUT)


def saw(
    *answers: int | Answer, times: int | None = None, value: float | None = None
) -> Observation:
    """Return an observation of one message. ``times``: its effects; None: no evidence."""
    request = WebhookRequest((), b"", "msg_1")
    exchanges = [
        Exchange(request, Answer(each) if isinstance(each, int) else each) for each in answers
    ]
    effects = {} if times is None else {"msg_1": Effects(times, value)}
    return Observation(tuple(exchanges), effects)


@pytest.mark.parametrize(
    ("judge", "seen", "verdict"),
    [
        (accepted, saw(200), "passed"),
        (accepted, saw(204, times=1), "passed"),
        (accepted, saw(200, times=0), "failed"),
        (accepted, saw(200, times=2), "failed"),
        (accepted, saw(302), "failed"),
        (accepted, saw(401), "failed"),
        (accepted, saw(TIMEOUT), "failed"),
        (rejected, saw(401), "passed"),
        (rejected, saw(400, times=0), "passed"),
        (rejected, saw(401, times=1), "failed"),
        (rejected, saw(200), "failed"),
        (rejected, saw(302), "failed"),
        (rejected, saw(500), "failed"),
        (rejected, saw(RESET), "failed"),
        (refused, saw(400), "passed"),
        (refused, saw(200), "failed"),
        (refused, saw(503), "failed"),
        (ignored, saw(200), "passed"),
        (ignored, saw(200, times=1), "failed"),
        (ignored, saw(400), "failed"),
        (not_crashed, saw(200), "passed"),
        (not_crashed, saw(405), "passed"),
        (not_crashed, saw(501), "failed"),
        (not_crashed, saw(RESET), "failed"),
        (still_accepts, saw(RESET, 200), "passed"),
        (still_accepts, saw(500, 200), "failed"),
        (still_accepts, saw(413, TIMEOUT), "failed"),
        (too_large, saw(413, 200), "passed"),
        (too_large, saw(RESET, 200), "passed"),
        (too_large, saw(200, 200), "failed"),
        (too_large, saw(TIMEOUT, 200), "failed"),
        (happened_once, saw(200, 200, times=1), "passed"),
        (happened_once, saw(200, 200, times=2), "failed"),
        (happened_once, saw(200, 409, times=1), "failed"),
        (happened_once, saw(200, 200), "not judged"),
        (happened_once, saw(200, 500), "failed"),
        (happened_once_at_once, saw(200, 409, 503, times=1), "passed"),
        (happened_once_at_once, saw(200, 200, times=2), "failed"),
        (happened_once_at_once, saw(500, 500, times=1), "failed"),
        (happened_once_at_once, saw(200), "not judged"),
        (first_counts(50.75), saw(200, 409, times=1, value=50.75), "passed"),
        (first_counts(50.75), saw(200, 200, times=1, value=50.75), "passed"),
        (first_counts(50.75), saw(200, 200, times=1, value=9999.5), "failed"),
        (first_counts(50.75), saw(200, 200, times=2), "failed"),
        (first_counts(50.75), saw(200, 500, times=1), "failed"),
        (first_counts(50.75), saw(200, 200), "not judged"),
    ],
)
def test_a_rule_judges_statuses_and_effects(judge: Judge, seen: Observation, verdict: str) -> None:
    assert judge(seen).verdict == verdict


def test_what_an_accepted_forgery_is_called() -> None:
    assert rejected(saw(200)).got == "200: accepted a forgery"
    assert rejected(saw(500)).got == "500: crashed"


def test_what_a_rejected_genuine_webhook_is_called() -> None:
    assert accepted(saw(401)).got == "401: rejected a genuine webhook"
    assert accepted(saw(503)).got == "503"


def test_a_method_that_is_not_implemented_is_not_called_a_crash() -> None:
    answer = "501: the method is not implemented; respond with 405"
    assert not_crashed(saw(501)).got == answer
    assert not_crashed(saw(500)).got == "500: crashed"


def test_equal_answers_are_counted() -> None:
    assert happened_once_at_once(saw(200, 200, 409, times=1)).got == "200 × 2, 409; one effect"


def test_95_of_100_deliveries_must_be_answered_within_a_second() -> None:
    quick = [Answer(200, seconds=0.1)] * 19

    assert quick_in_general(saw(*quick, Answer(200, seconds=3))).verdict is Verdict.PASSED
    assert quick_in_general(saw(*quick[1:], *[Answer(200, seconds=3)] * 2)).verdict == "failed"
    assert quick_in_general(saw(*quick, 500)).verdict == "failed"


def test_the_95th_percentile_is_the_value_that_19_of_20_do_not_exceed() -> None:
    assert percentile_95(list(range(1, 21))) == 19


def test_each_delivery_must_be_answered_before_the_shop_gives_up() -> None:
    assert each_in_time(saw(Answer(200, seconds=3))).verdict == "passed"
    assert each_in_time(saw(Answer(200, seconds=10.5))).verdict == "failed"
    assert each_in_time(saw(TIMEOUT)).verdict == "failed"


def test_an_order_must_end_in_the_right_state() -> None:
    judge = ends_as("refunded")

    def ending(state: str | None) -> Observation:
        return Observation(saw(200, 200).exchanges, order_state=state)

    assert judge(ending("refunded")).verdict == "passed"
    assert judge(ending("created")).verdict == "failed"
    assert judge(ending(None)).verdict == "not judged"
    assert judge(saw(200, 500)).verdict == "failed"


def test_lost_and_doubled_messages_are_named() -> None:
    effects = {"msg_a": Effects(1), "msg_b": Effects(0), "msg_c": Effects(2)}
    seen = Observation((), effects, interrupted=tuple(effects))

    assert nothing_lost(seen).got == "1 lost: msg_b"
    assert nothing_twice(seen).got == "1 doubled: msg_c"
    survived = Observation((), {"msg_a": Effects(1)}, interrupted=("msg_a",))
    assert nothing_lost(survived).verdict == nothing_twice(survived).verdict == "passed"
