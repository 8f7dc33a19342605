"""An attempt as JSON: when and why it was due, its request, and its response."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct, convert

from hookshop.webkit.times import rfc3339_ms
from shop.database.models import Attempt, Message
from shop.vocabulary import AttemptError, Trigger
from shop.web.api.fields import DescribedbyLink, SkippedSeconds, Time, WebhookUrl
from shop.web.deliveries.links import link_of_attempt

Headers = Annotated[dict[str, str], Meta(examples=[{"content-type": "application/json"}])]
Milliseconds = Annotated[float, Meta(examples=[1.5])]


class AttemptRequestDocument(Struct):
    """The request of an attempt."""

    url: WebhookUrl
    headers: Headers
    body: Annotated[str, Meta(examples=['{"event":{…},"date":"2026-11-23T12:00:00Z"}'])]


class AttemptResponseDocument(Struct):
    """The response to an attempt. ``truncated``: the body was longer than what is stored."""

    status: Annotated[int, Meta(examples=[200])]
    headers: Headers
    body: Annotated[str, Meta(examples=["OK"])]
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
    lookup_ms: Milliseconds | None
    connecting_ms: Milliseconds | None
    waiting_ms: Milliseconds | None
    reading_ms: Milliseconds | None


class AttemptDocument(Struct):
    """One request of a delivery. Either ``response`` or ``error`` is null.

    ``decided_at``: when the attempt was scheduled. ``due_at``: the planned time; ``started_at`` is
    later if no worker was free or the endpoint was paused. ``delay``: null if it was due
    immediately. ``skipped_seconds``: how much of the delay was skipped, so that it was due earlier.
    ``enqueued_at``: the wake-up; null if a worker found it by polling.
    ``describedby_link``: the receiver's own page about the request, if its response named one.
    """

    number: int
    decided_at: Time | None
    due_at: Time | None
    delay: DelayDocument | None
    skipped_seconds: SkippedSeconds
    enqueued_at: Time | None
    started_at: Time
    duration_ms: int
    timings: TimingsDocument | None
    trigger: Trigger
    request: AttemptRequestDocument
    response: AttemptResponseDocument | None
    error: Annotated[AttemptError | None, Meta(examples=[None])]
    describedby_link: DescribedbyLink


def attempt_document(attempt: Attempt, message: Message) -> AttemptDocument:
    """Return the attempt as JSON. The body of the request is the message's."""
    return AttemptDocument(
        number=attempt.number,
        decided_at=rfc3339_ms_or_none(attempt.decided_at),
        due_at=rfc3339_ms_or_none(attempt.due_at),
        delay=_delay(attempt.delay),
        skipped_seconds=attempt.skipped_ms / 1000,
        enqueued_at=rfc3339_ms_or_none(attempt.enqueued_at),
        started_at=rfc3339_ms(attempt.started_at),
        duration_ms=attempt.duration_ms,
        timings=_timings(attempt.timings),
        trigger=attempt.trigger,
        request=AttemptRequestDocument(
            attempt.request_url, attempt.request_headers, _text(message.body)
        ),
        response=_response(attempt),
        error=AttemptError(attempt.error) if attempt.error else None,
        describedby_link=link_of_attempt(attempt),
    )


def _delay(delay: dict[str, float] | None) -> DelayDocument | None:
    if delay is None:
        return None
    return DelayDocument(**{f"{name}_seconds": seconds for name, seconds in delay.items()})


def _timings(stored: dict[str, Any] | None) -> TimingsDocument | None:
    if stored is None:
        return None
    phases = {name: stored.get(name) for name in TimingsDocument.__struct_fields__}
    return convert(phases, TimingsDocument)


def _response(attempt: Attempt) -> AttemptResponseDocument | None:
    if attempt.response_status is None:
        return None
    return AttemptResponseDocument(
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
