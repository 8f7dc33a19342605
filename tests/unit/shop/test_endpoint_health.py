from datetime import UTC, datetime, timedelta

import pytest

from shop.database.counters import SUCCEEDED, AttemptSummary
from shop.webhooks.queries.endpoint_health import (
    SAMPLE,
    by_bucket,
    by_reason,
    latency_of,
    percentile,
    sum_up,
)
from shop.webhooks.rules.time_buckets import Window, minute_of

NOW = datetime(2026, 11, 24, 10, 14, tzinfo=UTC)


def tally(
    reason: str, amount: int, total_ms: int = 0, *, minutes_ago: int = 0, endpoint_id: str = "ep_1"
) -> AttemptSummary:
    at = NOW - timedelta(minutes=minutes_ago)
    return AttemptSummary(
        endpoint_id=endpoint_id,
        minute=minute_of(at),
        reason=reason,
        amount=amount,
        total_ms=total_ms,
        last_at=at,
    )


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7], 0.5, 7),
        ([7], 0.95, 7),
        ([1, 2], 0.5, 1),
        ([1, 2, 3], 0.5, 2),
        (list(range(1, 101)), 0.5, 50),
        (list(range(1, 101)), 0.95, 95),
        (list(range(1, 101)), 1, 100),
        ([1] * 19 + [9], 0.95, 1),
        ([1] * 18 + [9, 9], 0.95, 9),
    ],
)
def test_a_percentile_is_a_value_that_occurred(
    values: list[int], share: float, expected: int
) -> None:
    assert percentile(values, share) == expected


def test_latency_does_not_depend_on_the_order_of_responses() -> None:
    latency = latency_of([30, 10, 20])

    assert latency
    assert (latency.median_ms, latency.p95_ms, latency.sample) == (20, 30, 3)
    assert not latency.is_partial


def test_without_responses_there_is_no_latency() -> None:
    assert latency_of([]) is None


def test_a_full_sample_is_marked_as_possibly_incomplete() -> None:
    latency = latency_of([1] * SAMPLE)

    assert latency
    assert latency.is_partial


def test_an_attempt_without_a_response_counts_as_failed_and_not_for_latency() -> None:
    attempts = sum_up(
        [tally(SUCCEEDED, 6, 60), tally("500", 2, 200), tally("connection_refused", 2, 9000)]
    )

    assert (attempts.succeeded, attempts.failed, attempts.total) == (6, 4, 10)
    assert attempts.success_rate == 0.6
    assert attempts.mean_ms == 32.5


def test_without_attempts_there_is_no_rate_and_no_mean() -> None:
    nothing = sum_up([])

    assert nothing.success_rate is None
    assert nothing.mean_ms is None


def test_attempts_are_summed_up_by_bucket() -> None:
    tallies = [
        tally(SUCCEEDED, 1, minutes_ago=3),
        tally("500", 2, minutes_ago=3),
        tally(SUCCEEDED, 4),
        tally(SUCCEEDED, 8, minutes_ago=60),
    ]

    buckets = by_bucket(tallies, Window.last_hour(NOW))

    now = minute_of(NOW)
    assert {bucket: (found.succeeded, found.failed) for bucket, found in buckets.items()} == {
        now - 3: (1, 2),
        now: (4, 0),
    }


def test_failures_are_grouped_by_reason_the_most_frequent_first() -> None:
    tallies = [
        tally(SUCCEEDED, 100),
        tally("500", 2, minutes_ago=5),
        tally("500", 3, minutes_ago=2, endpoint_id="ep_2"),
        tally("dns_error", 9, minutes_ago=1),
    ]

    dns, server_error = by_reason(tallies)

    assert (dns.reason, dns.count) == ("dns_error", 9)
    assert (server_error.reason, server_error.count) == ("500", 5)
    assert server_error.last_at == NOW - timedelta(minutes=2)
    assert server_error.endpoint_ids == {"ep_1", "ep_2"}
