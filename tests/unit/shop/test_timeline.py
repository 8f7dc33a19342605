from datetime import UTC, datetime, timedelta
from typing import Any

from shop.database.models import Attempt, Delivery
from shop.vocabulary import DeliveryState, EventType, Trigger
from shop.web.deliveries.timeline import TimelineStep, build_timeline, summarize
from shop.webhooks.rules.retries import RetrySchedule

BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHEDULE = RetrySchedule((0, 2, 4, 8))


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def delivery(**fields: Any) -> Delivery:
    standard: dict[str, Any] = {
        "id": "dlv_1",
        "message_id": "msg_1",
        "endpoint_id": "ep_1",
        "event_type": EventType.PURCHASE_CREATED,
        "state": DeliveryState.PENDING,
        "next_attempt_at": BEGIN,
        "waits_since": BEGIN,
        "created_at": BEGIN,
    }
    return Delivery(**{**standard, **fields})


def attempt(number: int, **fields: Any) -> Attempt:
    standard: dict[str, Any] = {
        "delivery_id": "dlv_1",
        "number": number,
        "trigger": Trigger.AUTOMATIC,
        "due_at": BEGIN,
        "started_at": at(0.1),
        "duration_ms": 12,
        "request_url": "http://127.0.0.1:9001/",
        "request_headers": {},
        "response_status": 500,
    }
    return Attempt(**{**standard, **fields})


def plan(steps: list[TimelineStep]) -> list[tuple[int, str, datetime]]:
    return [(step.number, step.kind, step.at) for step in steps]


def test_before_the_first_attempt_the_whole_schedule_is_still_to_come() -> None:
    steps = build_timeline(delivery(), [], SCHEDULE)

    assert plan(steps) == [
        (1, "next", at(0)),
        (2, "later", at(2)),
        (3, "later", at(6)),
        (4, "later", at(14)),
    ]
    assert summarize(delivery(), steps) == ("0 attempts so far, at most 4 more on the schedule.")


def test_after_a_failure_the_next_try_is_decided_and_the_others_follow_it() -> None:
    waiting = delivery(
        attempt_count=1,
        next_attempt_at=at(5.1),
        next_delay={"schedule": 2, "jitter": 0.3, "retry_after": 5},
    )

    steps = build_timeline(waiting, [attempt(1)], SCHEDULE)

    assert plan(steps) == [
        (1, "made", at(0.1)),
        (2, "next", at(5.1)),
        (3, "later", at(9.1)),
        (4, "later", at(17.1)),
    ]
    assert [step.after for step in steps] == ["+0.1 s", "+5.1 s", "+9.1 s", "+17.1 s"]
    assert steps[0].outcome == "500 Internal Server Error"
    assert steps[1].wait.headline == "waits 5 s"


def test_what_is_being_sent_says_so() -> None:
    sending = delivery(state=DeliveryState.SENDING)

    assert build_timeline(sending, [], SCHEDULE)[0].kind == "sending"


def test_nothing_is_to_come_once_it_is_over() -> None:
    over = delivery(
        state=DeliveryState.SUCCEEDED, attempt_count=1, next_attempt_at=None, completed_at=at(0.2)
    )

    steps = build_timeline(over, [attempt(1, response_status=200)], SCHEDULE)

    assert [(step.kind, step.succeeded) for step in steps] == [("made", True)]
    assert summarize(over, steps) == "Succeeded after 1 attempt, 0.2 s after it was created."


def test_a_try_by_hand_after_the_last_one_of_the_schedule_is_the_only_one_to_come() -> None:
    is_manual = delivery(attempt_count=4, next_attempt_at=at(60), next_trigger=Trigger.MANUAL)
    made = [attempt(number) for number in range(1, 5)]

    steps = build_timeline(is_manual, made, SCHEDULE)

    assert plan(steps)[4:] == [(5, "next", at(60))]
    assert [part.kind for part in steps[4].wait.parts] == ["by-hand"]


def test_an_attempt_that_started_a_second_late_is_asked_why() -> None:
    late, punctual = (attempt(1, started_at=at(seconds)) for seconds in (1.5, 0.5))

    assert build_timeline(delivery(), [late], SCHEDULE)[0].is_late
    assert not build_timeline(delivery(), [punctual], SCHEDULE)[0].is_late


def test_a_very_long_schedule_is_not_drawn_to_its_end() -> None:
    steps = build_timeline(delivery(), [], RetrySchedule((60,) * 1000))

    assert len(steps) == 12
