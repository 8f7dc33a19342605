"""An attempt as JSON: when and why it was due, its request, and its response."""

from datetime import datetime

from msgspec import Struct, convert

from hookshop.webkit.times import rfc3339_ms
from shop.database.models import Attempt, Message


class RequestDocument(Struct):
    """The request of an attempt."""

    url: str
    headers: dict[str, str]
    body: str


class ResponseDocument(Struct):
    """The response to an attempt. ``truncated``: the body was longer than what is stored."""

    status: int
    headers: dict[str, str]
    body: str
    truncated: bool


class DelayDocument(Struct):
    """The delay before an attempt: the longer of schedule with jitter, and Retry-After.

    ``jitter_seconds``: a random amount, possibly negative. ``retry_after_seconds``: the delay that
    the endpoint asked for, at most an hour, or 0.
    """

    schedule_seconds: float
    jitter_seconds: float
    retry_after_seconds: float


class TimingsDocument(Struct):
    """Durations of the phases of a request; null if unknown or if there was no such phase.

    ``waiting_ms``: from the first byte sent to the last response header. The last phase that is not
    null is the one in which a request failed.
    """

    reused_connection: bool
    lookup_ms: float | None = None
    connecting_ms: float | None = None
    waiting_ms: float | None = None
    reading_ms: float | None = None


class AttemptDocument(Struct):
    """One request of a delivery. Either ``response`` or ``error`` is null.

    ``decided_at``: when the attempt was scheduled. ``due_at``: the planned time; ``started_at`` is
    later if no worker was free or the endpoint was paused. ``delay``: null if it was due
    immediately. ``enqueued_at``: the wake-up; null if a worker found it by polling.
    """

    number: int
    decided_at: str | None
    due_at: str | None
    delay: DelayDocument | None
    enqueued_at: str | None
    started_at: str
    duration_ms: int
    timings: TimingsDocument | None
    trigger: str
    request: RequestDocument
    response: ResponseDocument | None
    error: str | None


def attempt_document(attempt: Attempt, message: Message) -> AttemptDocument:
    """Return the attempt as JSON. The body of the request is the message's."""
    return AttemptDocument(
        number=attempt.number,
        decided_at=rfc3339_ms_or_none(attempt.decided_at),
        due_at=rfc3339_ms_or_none(attempt.due_at),
        delay=_delay(attempt.delay),
        enqueued_at=rfc3339_ms_or_none(attempt.enqueued_at),
        started_at=rfc3339_ms(attempt.started_at),
        duration_ms=attempt.duration_ms,
        timings=convert(attempt.timings, TimingsDocument | None),
        trigger=attempt.trigger,
        request=RequestDocument(attempt.request_url, attempt.request_headers, _text(message.body)),
        response=_response(attempt),
        error=attempt.error,
    )


def _delay(delay: dict[str, float] | None) -> DelayDocument | None:
    if delay is None:
        return None
    return DelayDocument(**{f"{name}_seconds": seconds for name, seconds in delay.items()})


def _response(attempt: Attempt) -> ResponseDocument | None:
    if attempt.response_status is None:
        return None
    return ResponseDocument(
        attempt.response_status,
        attempt.response_headers or {},
        _text(attempt.response_body or b""),
        attempt.response_truncated,
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def rfc3339_ms_or_none(moment: datetime | None) -> str | None:
    """Return the time in RFC 3339 with milliseconds, or None."""
    return rfc3339_ms(moment) if moment else None
