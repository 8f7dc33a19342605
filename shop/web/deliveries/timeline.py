"""The timeline of a delivery: its attempts, planned and actual times, and the attempts to come.

``templates/shop/deliveries/_timeline.html`` renders it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shop.database.models import Attempt, Delivery
from shop.vocabulary import DeliveryState, Trigger
from shop.web.deliveries.waits import Bar, Wait
from shop.web.deliveries.wire import outcome_text
from shop.web.formatting import signed_span, span
from shop.webhooks.rules.responses import Outcome, outcome_of
from shop.webhooks.rules.retries import Delay, RetrySchedule

MAX_PLANNED = 12
MIN_LATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One attempt on the timeline. ``kind``: made, sending, next or later.

    ``at``: its start, or the planned time. ``after``: time since the delivery began, such as
    ``+4.6 s``. ``outcome``: ``200 OK`` or the name of an error; empty if it was not made yet.
    """

    number: int
    kind: str
    at: datetime
    after: str
    wait: Wait
    due_at: datetime | None = None
    outcome: str = ""
    succeeded: bool = False
    bar: Bar | None = None

    @property
    def state(self) -> str:
        """The key of its state label."""
        if self.kind == "made":
            return "succeeded" if self.succeeded else "failed"
        return {"next": "pending", "later": "planned"}.get(self.kind, self.kind)

    @property
    def is_late(self) -> bool:
        """Whether it started so late that the page should explain it."""
        return (self.wait.late or 0) >= MIN_LATE_SECONDS


def build_timeline(
    delivery: Delivery, attempts: Sequence[Attempt], schedule: RetrySchedule
) -> list[TimelineStep]:
    """Return a step for each attempt, oldest first, then one for each planned attempt."""
    begin = (attempts[0].due_at or attempts[0].started_at) if attempts else delivery.created_at
    steps = [_made(attempt, begin) for attempt in attempts]
    steps += _planned(delivery, schedule, begin)
    longest = max((step.wait.total for step in steps), default=0)
    return [replace(step, bar=step.wait.bar(longest)) for step in steps]


def _made(attempt: Attempt, begin: datetime) -> TimelineStep:
    started_at, due_at = attempt.started_at, attempt.due_at
    return TimelineStep(
        attempt.number,
        "made",
        at=started_at,
        after=_after(begin, started_at),
        wait=Wait(
            Delay(**attempt.delay) if attempt.delay else None,
            late=(started_at - due_at).total_seconds() if due_at else None,
            trigger=attempt.trigger,
            skipped=attempt.skipped_ms / 1000,
        ),
        due_at=due_at,
        outcome=outcome_text(attempt),
        succeeded=outcome_of(attempt.response_status) is Outcome.SUCCEEDED,
    )


def _planned(
    delivery: Delivery, schedule: RetrySchedule, begin: datetime
) -> Iterator[TimelineStep]:
    """Yield the attempt that is next or being sent, then the rest of the schedule."""
    at, number = delivery.next_attempt_at, delivery.attempt_count + 1
    if at is None or delivery.state not in {DeliveryState.PENDING, DeliveryState.SENDING}:
        return
    kind = "sending" if delivery.state is DeliveryState.SENDING else "next"
    delay = Delay(**delivery.next_delay) if delivery.next_delay else None
    trigger = delivery.next_trigger
    wait = Wait(delay, trigger=trigger, skipped=delivery.skipped_ms / 1000)
    yield TimelineStep(number, kind, at, _after(begin, at), wait, at)
    steps = number - delivery.reconnect_count - (trigger is Trigger.RECONNECT)
    for seconds in schedule.delays_after(steps)[: MAX_PLANNED - 1]:
        at += timedelta(seconds=seconds)
        number += 1
        yield TimelineStep(
            number, "later", at, _after(begin, at), Wait(Delay(seconds), is_decided=False)
        )


def summarize(delivery: Delivery, steps: Sequence[TimelineStep]) -> str:
    """Return the timeline as one sentence."""
    made = sum(step.kind == "made" for step in steps)
    attempts = f"{made} attempt{'' if made == 1 else 's'}"
    if delivery.completed_at:
        took = span((delivery.completed_at - delivery.created_at).total_seconds())
        return f"{delivery.state.capitalize()} after {attempts}, {took} after it was created."
    to_come = len(steps) - made
    return f"{attempts} so far, at most {to_come} more on the schedule."


def _after(begin: datetime, at: datetime) -> str:
    return signed_span((at - begin).total_seconds())
