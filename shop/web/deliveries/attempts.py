"""Attempts, prepared for the page of a delivery."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from shop.database.models import Attempt
from shop.web.deliveries.curl import as_curl
from shop.web.deliveries.links import link_of_attempt
from shop.web.deliveries.wire import (
    ERROR_MEANINGS,
    body_text,
    outcome_text,
    pretty_json,
    status_meaning,
    visible_text,
)
from shop.web.formatting import span
from shop.webhooks.engine.stopwatch import Phase
from shop.webhooks.rules.responses import Outcome, outcome_of

PHASE_LABELS = {
    Phase.LOOKUP: "name lookup",
    Phase.CONNECTING: "connecting",
    Phase.WAITING: "waiting for the response",
    Phase.READING: "reading the response",
}


@dataclass(frozen=True, slots=True)
class PhaseView:
    """A phase of an attempt. ``start`` and ``width``: in percent of the attempt's duration."""

    name: str
    label: str
    milliseconds: float
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, prepared for the page.

    ``outcome``: ``200 OK`` or the name of an error. ``explanation``: what that means for the
    delivery. ``skipped``: how much of the wait before it was skipped, or "". ``error_detail``: the
    message of the network library. ``phases``: those with a known duration. ``curl``: empty if
    nothing was sent. ``describedby_link``: the endpoint's own page about this request, if its
    response names one.
    """

    number: int
    trigger: str
    started_at: datetime
    duration_ms: int
    skipped: str
    phases: Sequence[PhaseView]
    reused_connection: bool
    succeeded: bool
    answered: bool
    outcome: str
    explanation: str
    error_detail: str
    request_url: str
    request_headers: Sequence[tuple[str, str]]
    curl: str
    response_headers: Sequence[tuple[str, str]]
    response_body: str
    response_pretty: str | None
    response_size: int
    truncated: bool
    describedby_link: str | None


# Cached, because a live page shows the same responses again and again, and formatting a malicious
# one takes up to 50 ms. An entry has about 100 KB.
@lru_cache(maxsize=64)
def _readable(body: bytes) -> tuple[str, str | None]:
    """Return a body as text, and if it is JSON, also with one member per line."""
    return body_text(body), pretty_json(body)


def view_attempts(attempts: Iterable[Attempt], body: bytes) -> list[AttemptView]:
    """Return the attempts, newest first. ``body``: the body of every request."""
    return [_view(attempt, body) for attempt in attempts][::-1]


def _view(attempt: Attempt, body: bytes) -> AttemptView:
    raw = attempt.response_body or b""
    response_body, response_pretty = _readable(raw)
    sent, received = attempt.request_headers, attempt.response_headers or {}
    return AttemptView(
        number=attempt.number,
        trigger=attempt.trigger,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
        skipped=span(attempt.skipped_ms / 1000) if attempt.skipped_ms else "",
        phases=list(_phases(attempt)),
        reused_connection=bool((attempt.timings or {}).get("reused_connection")),
        succeeded=outcome_of(attempt.response_status) is Outcome.SUCCEEDED,
        answered=attempt.response_status is not None,
        outcome=outcome_text(attempt),
        explanation=_explanation(attempt),
        error_detail=visible_text(attempt.error_detail or ""),
        request_url=attempt.request_url,
        request_headers=list(sent.items()),
        curl=as_curl(attempt.request_url, sent, body) if sent else "",
        response_headers=[
            (visible_text(name), visible_text(value)) for name, value in received.items()
        ],
        response_body=response_body,
        response_pretty=response_pretty,
        response_size=len(raw),
        truncated=attempt.response_truncated,
        describedby_link=link_of_attempt(attempt),
    )


def _explanation(attempt: Attempt) -> str:
    if attempt.response_status is not None:
        return status_meaning(attempt.response_status)
    return ERROR_MEANINGS.get(attempt.error or "", "")


def _phases(attempt: Attempt) -> Iterator[PhaseView]:
    timings = attempt.timings or {}
    spent = [(phase, timings[f"{phase}_ms"]) for phase in Phase if f"{phase}_ms" in timings]
    # Time between phases belongs to none of them, so the total may be longer than their sum.
    whole = max(sum(ms for _phase, ms in spent), attempt.duration_ms, 0.1)
    start = 0.0
    for phase, ms in spent:
        width = ms / whole * 100
        label = PHASE_LABELS[phase]
        if phase is Phase.CONNECTING and attempt.request_url.startswith("https:"):
            label += " and TLS"
        yield PhaseView(phase, label, ms, round(start, 2), round(width, 2))
        start += width
