"""An attempt as JSON: when it was planned and why then, what was sent, and what came back.

Called by ``deliveries``.
"""

from datetime import datetime

from msgspec import Struct, convert

from hookshop.webkit.times import rfc3339_ms
from shop.database.models import Attempt, Message


class RequestDocument(Struct):
    """What was sent."""

    url: str
    headers: dict[str, str]
    body: str


class ResponseDocument(Struct):
    """What came back; ``truncated``: the body went on beyond what is kept."""

    status: int
    headers: dict[str, str]
    body: str
    truncated: bool


class DelayDocument(Struct):
    """Why an attempt was due when it was: the longer of schedule with jitter, and Retry-After.

    ``jitter_seconds``: added by chance, or taken away when negative. ``retry_after_seconds``: what
    the endpoint asked for, at most an hour; 0 when it did not ask.
    """

    schedule_seconds: float
    jitter_seconds: float
    retry_after_seconds: float


class TimingsDocument(Struct):
    """Where the time of a request went; null where it is not known or there was no such part.

    ``waiting_ms``: from the first byte sent to the answer's last header. After a failure, the last
    part that is there is the one in which it happened.
    """

    reused_connection: bool
    lookup_ms: float | None = None
    connecting_ms: float | None = None
    waiting_ms: float | None = None
    reading_ms: float | None = None


class AttemptDocument(Struct):
    """One request of a delivery. ``response`` and ``error``: one of them is null.

    ``decided_at``: when the plan was made. ``due_at``: the plan; ``started_at`` may be later, when
    no worker was free or the endpoint was paused. ``delay``: null where it was due at once.
    ``enqueued_at``: when the workers were woken for it; null when one found it in the database.
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
    """The attempt; its body is the message's."""
    return AttemptDocument(
        number=attempt.number,
        decided_at=moment_or_null(attempt.decided_at),
        due_at=moment_or_null(attempt.due_at),
        delay=_delay(attempt.delay),
        enqueued_at=moment_or_null(attempt.enqueued_at),
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


def moment_or_null(moment: datetime | None) -> str | None:
    """RFC 3339 with milliseconds, or null."""
    return rfc3339_ms(moment) if moment else None
