"""A delivery's attempts as marks and as text."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shop.database.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.web.deliveries.rows import Mark, Row, view_row
from shop.webhooks.queries.deliveries import LogRow
from shop.webhooks.rules.retries import RetrySchedule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIX = RetrySchedule((0, 2, 4, 8, 15, 30))


def row(
    state: DeliveryState,
    outcomes: Sequence[int | str] = (),
    *,
    made: int = 0,
    schedule: RetrySchedule = SIX,
    **endpoint: Any,
) -> Row:
    """Return a row. ``outcomes``: status or error of the last attempts. ``made``: their total."""
    count = made or len(outcomes)
    attempts = [
        attempt(count - len(outcomes) + place, outcome)
        for place, outcome in enumerate(outcomes, start=1)
    ]
    found = LogRow(
        Delivery(
            id="dlv_1",
            message_id="msg_1",
            endpoint_id="ep_1",
            event_type=EventType.PURCHASE_CREATED,
            state=state,
            attempt_count=count,
            next_attempt_at=None,
            waits_since=NOON,
            created_at=NOON,
            next_trigger=Trigger.AUTOMATIC,
        ),
        Endpoint(
            id="ep_1",
            webhook_url="http://127.0.0.1:9001/hook",
            description="",
            event_types=[],
            created_at=NOON,
            **{"status": EndpointStatus.ACTIVE, **endpoint},
        ),
        "ord_1",
        1490,
    )
    return view_row(found, attempts, schedule, NOON)


def attempt(number: int, outcome: int | str) -> Attempt:
    return Attempt(
        delivery_id="dlv_1",
        number=number,
        endpoint_id="ep_1",
        trigger=Trigger.AUTOMATIC,
        duration_ms=1,
        request_url="http://127.0.0.1:9001/hook",
        request_headers={},
        response_headers=None,
        response_body=None,
        response_truncated=False,
        error_detail=None,
        response_status=outcome if isinstance(outcome, int) else None,
        error=outcome if isinstance(outcome, str) else None,
        started_at=NOON + timedelta(seconds=number),
    )


def test_each_outcome_has_a_mark_of_its_own_and_those_to_come_are_hollow() -> None:
    waiting = row(DeliveryState.PENDING, [503, "connection_refused"])
    sending = row(DeliveryState.SENDING, [503, "connection_refused"])
    arrived = row(DeliveryState.SUCCEEDED, [503, 204])

    refused, mute, to_come = Mark.REJECTED, Mark.UNANSWERED, Mark.PLANNED
    assert waiting.marks == [refused, mute, to_come, to_come, to_come, to_come]
    assert sending.marks == [refused, mute, Mark.SENDING, to_come, to_come, to_come]
    assert arrived.marks == [refused, Mark.SUCCEEDED]


def test_the_story_says_the_same_in_words() -> None:
    waiting = row(DeliveryState.PENDING, [503, "connection_refused"])
    sending = row(DeliveryState.SENDING, [503])
    new = row(DeliveryState.PENDING)

    assert waiting.history.splitlines() == [
        "1: 503, 12:00:01",
        "2: connection_refused, 12:00:02 UTC",
        "4 more planned",
    ]
    assert sending.history.splitlines() == [
        "1: 503, 12:00:01 UTC",
        "2: in flight",
        "4 more planned",
    ]
    assert new.history == "up to 6 planned"
    assert waiting.last_outcome == "connection_refused"


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.SENDING])
def test_of_many_attempts_the_last_dozen_is_shown_and_the_rest_counted(
    state: DeliveryState,
) -> None:
    many = row(state, [500] * 12, made=100)

    assert len(many.marks) == 12
    assert many.omitted_count == 88 + (state is DeliveryState.SENDING)
    assert many.history.startswith("89: 500")


def test_what_is_to_come_takes_no_more_room_than_there_is() -> None:
    long = row(DeliveryState.PENDING, [500] * 3, schedule=RetrySchedule((0.0,) * 50))

    assert len(long.marks) == 12
    assert "47 more planned" in long.history


def test_without_a_schedule_nothing_is_said_of_what_is_to_come() -> None:
    unknown = row(DeliveryState.PENDING, [500], schedule=RetrySchedule(()))

    assert unknown.marks == [Mark.REJECTED]
    assert "to come" not in unknown.history


@pytest.mark.parametrize(
    ("state", "endpoint", "may_send"),
    [
        (DeliveryState.PENDING, {}, True),
        (DeliveryState.FAILED, {}, True),
        (DeliveryState.CANCELLED, {}, True),
        (DeliveryState.SENDING, {}, False),
        (DeliveryState.SUCCEEDED, {}, False),
        (DeliveryState.PENDING, {"status": EndpointStatus.PAUSED}, False),
        (DeliveryState.FAILED, {"status": EndpointStatus.DISABLED}, False),
        (DeliveryState.CANCELLED, {"deleted_at": NOON}, False),
        (DeliveryState.PENDING, {"probe_at": NOON}, True),
    ],
)
def test_what_can_be_sent_can_be_sent_from_its_row(
    state: DeliveryState, endpoint: dict[str, Any], may_send: bool
) -> None:
    assert row(state, **endpoint).may_send is may_send
