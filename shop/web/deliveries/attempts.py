"""An attempt in the words of the delivery's page. Called by ``pages``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.models import Attempt
from shop.web.deliveries.wire import (
    ERROR_MEANINGS,
    body_text,
    pretty_json,
    status_text,
    visible_text,
)
from shop.webhooks.outcomes import Outcome, judge


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, ready to be shown.

    ``outcome``: ``200 OK`` or the error's name. ``explanation``: what that name means.
    ``error_detail``: what the network library said.
    """

    number: int
    trigger: str
    started_at: datetime
    duration_ms: int
    succeeded: bool
    answered: bool
    outcome: str
    explanation: str
    error_detail: str
    request_url: str
    request_headers: Sequence[tuple[str, str]]
    response_headers: Sequence[tuple[str, str]]
    response_body: str
    response_is_pretty: bool
    response_size: int
    truncated: bool


def view_attempts(attempts: Iterable[Attempt]) -> list[AttemptView]:
    """Newest first, since the newest is the one that a reader wants."""
    return [_view(attempt) for attempt in attempts][::-1]


def _view(attempt: Attempt) -> AttemptView:
    raw = attempt.response_body or b""
    pretty = pretty_json(raw)
    return AttemptView(
        number=attempt.number,
        trigger=attempt.trigger,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
        succeeded=judge(attempt.response_status) is Outcome.SUCCEEDED,
        answered=attempt.response_status is not None,
        outcome=_outcome(attempt),
        explanation=ERROR_MEANINGS.get(attempt.error or "", ""),
        error_detail=visible_text(attempt.error_detail or ""),
        request_url=attempt.request_url,
        request_headers=list(attempt.request_headers.items()),
        response_headers=[
            (visible_text(name), visible_text(value))
            for name, value in (attempt.response_headers or {}).items()
        ],
        response_body=pretty or body_text(raw),
        response_is_pretty=pretty is not None,
        response_size=len(raw),
        truncated=attempt.response_truncated,
    )


def _outcome(attempt: Attempt) -> str:
    if attempt.response_status is not None:
        return status_text(attempt.response_status)
    return attempt.error or ""
