from datetime import UTC, datetime, timedelta

from shop.vocabulary import BreakerState
from shop.webhooks.rules.circuit_breaker import (
    FAILURES_TO_OPEN,
    MAX_PAUSE,
    MIN_PAUSE,
    CircuitBreaker,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def failed(times: int) -> CircuitBreaker:
    """Return a breaker after this many failures in a row, all at the same time."""
    breaker = CircuitBreaker()
    for _ in range(times):
        breaker = breaker.after_failure(NOW)
    return breaker


def test_a_few_failures_open_nothing() -> None:
    assert failed(FAILURES_TO_OPEN - 1).probe_at is None


def test_one_failure_too_many_opens_it_for_the_first_pause() -> None:
    assert failed(FAILURES_TO_OPEN).probe_at == NOW + MIN_PAUSE


def test_it_is_half_open_when_the_time_of_the_probe_has_come() -> None:
    opened = failed(FAILURES_TO_OPEN)

    assert CircuitBreaker().state(NOW) is BreakerState.CLOSED
    assert opened.state(NOW) is BreakerState.OPEN
    assert opened.state(NOW + MIN_PAUSE) is BreakerState.HALF_OPEN


def test_what_was_sent_before_it_opened_does_not_prolong_the_pause() -> None:
    assert failed(FAILURES_TO_OPEN + 15) == failed(FAILURES_TO_OPEN)


def test_each_failed_probe_doubles_the_pause_up_to_a_minute() -> None:
    breaker, pauses = failed(FAILURES_TO_OPEN), []
    for _ in range(6):
        assert breaker.probe_at
        probed_at = breaker.probe_at
        breaker = breaker.after_failure(probed_at)
        assert breaker.probe_at
        pauses.append(breaker.probe_at - probed_at)

    assert pauses[:3] == [2 * MIN_PAUSE, 4 * MIN_PAUSE, 8 * MIN_PAUSE]
    assert pauses[-1] == MAX_PAUSE


def test_a_day_of_failed_probes_overflows_nothing() -> None:
    breaker, now = failed(FAILURES_TO_OPEN), NOW
    for _ in range(2000):
        now += timedelta(minutes=2)
        breaker = breaker.after_failure(now)

    assert breaker.probe_at == now + MAX_PAUSE


def test_one_success_closes_it() -> None:
    assert failed(FAILURES_TO_OPEN).after_success() == CircuitBreaker()
