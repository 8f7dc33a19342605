"""Deliveries as rows of a table: in the log, and on the pages of an order and an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, Trigger
from shop.web.deliveries.hold_reason import held_back_by, may_resend, may_skip, resend_nonce
from shop.web.formatting import span
from shop.webhooks.queries.deliveries import LogRow, newest_attempts
from shop.webhooks.rules.responses import Outcome, outcome_of
from shop.webhooks.rules.retries import RetrySchedule

MAX_MARKS = 12
NEVER = RetrySchedule(())


class Mark(StrEnum):
    """The result of an attempt, as a CSS class. Short names, because a page has hundreds."""

    SUCCEEDED = "ok"
    REJECTED = "no"
    UNANSWERED = "mute"
    SENDING = "now"
    PLANNED = "yet"


_OUTSTANDING = {DeliveryState.PENDING, DeliveryState.SENDING}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of deliveries.

    ``marks``: one for each attempt, oldest first, then one for each planned attempt.
    ``omitted_count``: older attempts without a mark. ``history``: the attempts as text.
    """

    delivery: Delivery
    endpoint: Endpoint
    order_id: str | None
    value_cents: int | None
    marks: Sequence[Mark]
    omitted_count: int
    history: str
    last_outcome: str
    held_back_by: str
    may_send: bool
    may_skip: bool
    nonce: str


async def read_rows(
    session: AsyncSession, found: Sequence[LogRow], schedule: RetrySchedule = NEVER
) -> list[Row]:
    """Return the rows, with their attempts. Without a ``schedule``, show no planned attempts."""
    ids = [row.delivery.id for row in found]
    attempts = await newest_attempts(session, ids, most=MAX_MARKS)
    now = datetime.now(UTC)
    return [view_row(row, attempts.get(row.delivery.id, ()), schedule, now) for row in found]


def view_row(
    found: LogRow, attempts: Sequence[Attempt], schedule: RetrySchedule, now: datetime
) -> Row:
    """Return one row. ``attempts``: the last ones, at most ``MAX_MARKS``."""
    delivery = found.delivery
    planned = _planned_count(delivery, schedule)
    is_sending = delivery.state is DeliveryState.SENDING
    marks = [_mark(attempt) for attempt in attempts] + [Mark.SENDING] * is_sending
    # Show planned attempts only if there is room after those that were made.
    shown = (marks + [Mark.PLANNED] * planned)[:MAX_MARKS] if len(marks) < MAX_MARKS else marks
    return Row(
        delivery,
        found.endpoint,
        found.order_id,
        found.value_cents,
        marks=shown[-MAX_MARKS:],
        omitted_count=max(0, delivery.attempt_count - len(marks[-MAX_MARKS:]) + is_sending),
        history=_history(delivery, attempts, planned),
        last_outcome=_outcome(attempts[-1]) if attempts else "",
        held_back_by=held_back_by(delivery, found.endpoint, now),
        # A delivery that has succeeded can be resent only on its own page, which shows its state.
        may_send=may_resend(delivery, found.endpoint)
        and delivery.state is not DeliveryState.SUCCEEDED,
        may_skip=may_skip(delivery, found.endpoint, now),
        nonce=resend_nonce(delivery),
    )


def _planned_count(delivery: Delivery, schedule: RetrySchedule) -> int:
    if delivery.state not in _OUTSTANDING:
        return 0
    is_next_a_step = delivery.next_trigger is not Trigger.RECONNECT
    made = delivery.attempt_count - delivery.reconnect_count
    made += delivery.state is DeliveryState.SENDING and is_next_a_step
    return max(0, len(schedule.delays) - made)


def _mark(attempt: Attempt) -> Mark:
    if attempt.response_status is None:
        return Mark.UNANSWERED
    arrived = outcome_of(attempt.response_status) is Outcome.SUCCEEDED
    return Mark.SUCCEEDED if arrived else Mark.REJECTED


def _outcome(attempt: Attempt) -> str:
    return str(attempt.response_status or attempt.error)


def _history(delivery: Delivery, attempts: Sequence[Attempt], planned: int) -> str:
    lines = [
        f"{attempt.number}: {_outcome(attempt)}, {_time(attempt.started_at, delivery.created_at)}"
        f"{_skipped(attempt)}"
        for attempt in attempts
    ]
    if lines:
        lines[-1] += " UTC"
    if delivery.state is DeliveryState.SENDING:
        lines.append(f"{delivery.attempt_count + 1}: in flight")
    if planned:
        lines.append(f"{planned} more planned" if lines else f"up to {planned} planned")
    return "\n".join(lines)


def _skipped(attempt: Attempt) -> str:
    return f" (skipped {span(attempt.skipped_ms / 1000)})" if attempt.skipped_ms else ""


def _time(moment: datetime, beginning: datetime) -> str:
    is_same_day = moment.date() == beginning.date()
    return moment.strftime("%H:%M:%S" if is_same_day else "%d %b %H:%M:%S")
