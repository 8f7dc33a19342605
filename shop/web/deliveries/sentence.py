"""The sentence at the top of a delivery's page: what happened and what comes next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from shop.vocabulary import DeliveryState
from shop.web.deliveries.wire import status_text
from shop.web.formatting import span
from shop.webhooks.rules.holds import Hold
from shop.webhooks.rules.responses import Outcome, outcome_of


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """What the sentence needs to know. The times and counts are those of the delivery.

    ``last_status``, ``last_error``: of the last attempt. ``held_back_by``: see ``hold_reason``.
    """

    state: DeliveryState
    attempt_count: int
    created_at: datetime
    completed_at: datetime | None
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    held_back_by: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence without its period. ``at``: a time that ends it, shown as a countdown."""

    text: str
    at: datetime | None = None


def describe(delivery: DeliverySummary) -> Sentence:
    """Return what happened to a delivery and what comes next."""
    match delivery.state:
        case DeliveryState.SUCCEEDED:
            return Sentence(_delivered(delivery))
        case DeliveryState.FAILED:
            return Sentence(_failed(delivery))
        case DeliveryState.CANCELLED:
            return Sentence(_cancelled(delivery))
        case DeliveryState.SENDING:
            number = delivery.attempt_count + 1
            return Sentence(_capitalized(f"{_so_far(delivery)}attempt {number} is in flight"))
    return _pending(delivery)


def _delivered(delivery: DeliverySummary) -> str:
    took = ""
    if delivery.completed_at:
        seconds = (delivery.completed_at - delivery.created_at).total_seconds()
        took = f", {span(seconds)} after it was created"
    attempt = f"attempt {delivery.attempt_count} ({_outcome(delivery)})"
    return f"Delivered with {attempt}{took}; nothing more is sent"


def _failed(delivery: DeliverySummary) -> str:
    if delivery.last_status == HTTPStatus.GONE:
        return "The endpoint responded 410 Gone, so the shop disabled it; nothing more is sent"
    count = delivery.attempt_count
    attempts = "The only attempt" if count == 1 else f"All {count} attempts"
    last = "with" if count == 1 else "the last one with"
    failed = f"{attempts} failed{'' if count == 1 else ','} {last} {_outcome(delivery)}"
    return f"{failed}; nothing more is sent unless you resend it"


def _cancelled(delivery: DeliverySummary) -> str:
    before = "before the first attempt"
    if delivery.attempt_count:
        before = f"after attempt {delivery.attempt_count} failed with {_outcome(delivery)}"
    return f"Cancelled {before}; nothing more is sent unless you resend it"


# The endings of "… on hold" and "… is on hold".
_ON_HOLD: Mapping[str, str] = {
    Hold.PAUSED: "until somebody resumes the endpoint",
    Hold.DISABLED: "until somebody enables the endpoint",
    Hold.BREAKER: "until a probe succeeds: the circuit breaker is open",
    Hold.RETRY_AFTER: "because the endpoint asked to wait (Retry-After)",
}


def _pending(delivery: DeliverySummary) -> Sentence:
    number = delivery.attempt_count + 1
    beginning = f"{_so_far(delivery)}attempt {number}"
    if delivery.held_back_by:
        text = f"{beginning} is on hold {_ON_HOLD[delivery.held_back_by]}"
        return Sentence(_capitalized(text))
    return Sentence(_capitalized(f"{beginning} is planned"), at=delivery.next_attempt_at)


def _so_far(delivery: DeliverySummary) -> str:
    if not delivery.attempt_count:
        return ""
    # Somebody has resent it after a success.
    has_succeeded = outcome_of(delivery.last_status) is Outcome.SUCCEEDED
    result = "succeeded" if has_succeeded else "failed"
    return f"attempt {delivery.attempt_count} {result} with {_outcome(delivery)}; "


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _outcome(delivery: DeliverySummary) -> str:
    if delivery.last_status is not None:
        return status_text(delivery.last_status)
    return delivery.last_error or "no response"
