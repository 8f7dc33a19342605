"""The sentence at the top of a delivery's page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shop.vocabulary import DeliveryState
from shop.web.deliveries.sentence import DeliverySummary, describe

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SOON = NOON + timedelta(seconds=4)
PENDING = DeliverySummary(
    state=DeliveryState.PENDING,
    attempt_count=2,
    created_at=NOON,
    completed_at=None,
    next_attempt_at=SOON,
    last_status=503,
    last_error=None,
)
UNLESS_RESENT = "; nothing more is sent unless you resend it"
FAILED_TWICE = "Attempt 2 failed with 503 Service Unavailable; "


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, FAILED_TWICE + "attempt 3 is planned"),
        (
            {"last_status": None, "last_error": "response_timeout"},
            "Attempt 2 failed with response_timeout; attempt 3 is planned",
        ),
        ({"attempt_count": 0, "last_status": None}, "Attempt 1 is planned"),
        ({"last_status": 200}, "Attempt 2 succeeded with 200 OK; attempt 3 is planned"),
        (
            {"held_back_by": "paused"},
            FAILED_TWICE + "attempt 3 is on hold until somebody resumes the endpoint",
        ),
        (
            {"held_back_by": "breaker"},
            FAILED_TWICE
            + "attempt 3 is on hold until a probe succeeds: the circuit breaker is open",
        ),
        (
            {"held_back_by": "disabled", "attempt_count": 0},
            "Attempt 1 is on hold until somebody enables the endpoint",
        ),
        (
            {"held_back_by": "retry-after"},
            FAILED_TWICE + "attempt 3 is on hold because the endpoint asked to wait (Retry-After)",
        ),
        ({"state": DeliveryState.SENDING}, FAILED_TWICE + "attempt 3 is in flight"),
        (
            {"state": DeliveryState.SUCCEEDED, "last_status": 200, "completed_at": SOON},
            "Delivered with attempt 2 (200 OK), 4 s after it was created; nothing more is sent",
        ),
        (
            {"state": DeliveryState.FAILED},
            "All 2 attempts failed, the last one with 503 Service Unavailable" + UNLESS_RESENT,
        ),
        (
            {"state": DeliveryState.FAILED, "attempt_count": 1, "last_status": 410},
            "The endpoint responded 410 Gone, so the shop disabled it; nothing more is sent",
        ),
        (
            {"state": DeliveryState.CANCELLED, "attempt_count": 0},
            "Cancelled before the first attempt" + UNLESS_RESENT,
        ),
    ],
)
def test_it_says_what_happened_and_what_comes_next(changes: dict[str, Any], text: str) -> None:
    assert describe(replace(PENDING, **changes)).text == text


def test_it_counts_down_only_to_an_attempt_that_is_planned() -> None:
    assert describe(PENDING).at == SOON
    assert describe(replace(PENDING, held_back_by="paused")).at is None
    assert describe(replace(PENDING, state=DeliveryState.SUCCEEDED)).at is None
