"""Records attempts: what came back, what happens to each delivery next, how its endpoint does.

All attempts that have ended meanwhile are one transaction. A worker that outlived its lease holds
an old fencing number: its record is refused, since its successor's counts.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import col

from shop.database.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks import states
from shop.webhooks.engine.claiming import Claim, EndpointInPlay
from shop.webhooks.engine.http_client import Response
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.circuit_breaker import CircuitBreaker
from shop.webhooks.rules.concurrency import next_limit
from shop.webhooks.rules.responses import Outcome, outcome_of, retry_after_seconds
from shop.webhooks.states import AfterAttempt

INTERNAL_ERROR = "internal_error"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """An attempt that has ended, well or badly.

    ``enqueued_at``: of the wake-up that led to it; None if the worker looked by itself.
    """

    claim: Claim
    started_at: datetime
    response: Response
    enqueued_at: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        """What it means for the delivery."""
        return outcome_of(self.response.status)

    @property
    def needs_reconnect(self) -> bool:
        """Whether it met a kept connection that the receiver had just closed.

        Then it tells nothing of the receiver, and is made again at once on a fresh connection.
        """
        return self.response.connection_lost_on_reuse and not self.is_reconnect

    @property
    def is_reconnect(self) -> bool:
        """Whether it was that second attempt."""
        return self.claim.trigger is Trigger.RECONNECT


def record_attempts(
    connection: Connection,
    completed: Sequence[CompletedAttempt],
    endpoints: Mapping[str, EndpointInPlay],
    settings: DeliverySettings,
    *,
    now: datetime,
) -> set[str]:
    """Record attempts of these endpoints, which the transaction has locked.

    Return the ids of the endpoints of which something changed that people see: the circuit breaker,
    or the status. What another worker has taken over meanwhile is left out.
    """
    current = _still_ours(connection, completed)
    if not current:
        return set()
    in_play = [endpoints[id_] for id_ in sorted({each.claim.endpoint_id for each in current})]
    before = {endpoint.id: _health(endpoint) for endpoint in in_play}
    next_states = []
    for each in current:
        endpoint = endpoints[each.claim.endpoint_id]
        next_state = _next_state(each, endpoint, settings, now)
        next_states.append(next_state)
        _update_endpoint(endpoint, each, next_state, settings, now)
        # A retry may be due at once.
        endpoint.may_have_due |= next_state.state is DeliveryState.PENDING
        _log(each, next_state)
    states.after_attempt(connection, next_states)
    connection.execute(_INSERT_ATTEMPT, [_row(each) for each in current])
    return _store_health(connection, in_play, before)


def _still_ours(
    connection: Connection, completed: Sequence[CompletedAttempt]
) -> list[CompletedAttempt]:
    """Return the attempts whose claim is the delivery's newest, and lock those deliveries."""
    ids = [each.claim.delivery_id for each in completed]
    rows = connection.execute(_FENCES, {"ids": ids}) if completed else ()
    fences = {row.id: row.fence for row in rows}
    current = []
    for each in completed:
        if fences.get(each.claim.delivery_id) == each.claim.fence:
            current.append(each)
        else:
            logger.warning(
                "%s: attempt %d is not recorded, another worker has taken over",
                each.claim.delivery_id,
                each.claim.attempt_number,
                extra=each.claim.facts,
            )
    return current


def _health(endpoint: EndpointInPlay) -> dict[str, Any]:
    """Return the columns that an attempt may change."""
    return {name: getattr(endpoint, name) for name in _HEALTH}


def _store_health(
    connection: Connection,
    endpoints: Sequence[EndpointInPlay],
    before: Mapping[str, Mapping[str, Any]],
) -> set[str]:
    """Store what has changed. Return the ids of endpoints whose breaker or status changed."""
    changed = [endpoint for endpoint in endpoints if _health(endpoint) != before[endpoint.id]]
    if changed:
        rows = [{"endpoint_id": endpoint.id, **_health(endpoint)} for endpoint in changed]
        connection.execute(_UPDATE_ENDPOINT, rows)
    for endpoint in changed:
        endpoint.may_have_due = True  # what waits may have waited for this
    return {
        endpoint.id
        for endpoint in changed
        if any(getattr(endpoint, name) != before[endpoint.id][name] for name in _VISIBLE)
    }


def _next_state(
    completed: CompletedAttempt, endpoint: EndpointInPlay, settings: DeliverySettings, now: datetime
) -> AfterAttempt:
    claim, response = completed.claim, completed.response
    succeeded = AfterAttempt(
        delivery_id=claim.delivery_id,
        state=DeliveryState.SUCCEEDED,
        attempt_count=claim.attempt_number,
        reconnect_count=claim.reconnect_count + completed.is_reconnect,
        counted_as_failed=claim.counted_as_failed,
        waits_since=claim.waits_since,
        next_attempt_at=None,
        next_delay=None,
        next_trigger=Trigger.AUTOMATIC,
        last_status=response.status,
        last_error=response.error,
        completed_at=now,
    )
    if completed.outcome is Outcome.SUCCEEDED:
        return succeeded
    retry = _retry(completed, succeeded, settings, now)
    if retry is None:
        return replace(succeeded, state=DeliveryState.FAILED, counted_as_failed=True)
    if endpoint.deleted_at:  # while the request was out: there is nobody left to retry for
        return replace(succeeded, state=DeliveryState.CANCELLED)
    return retry


def _retry(
    completed: CompletedAttempt, after: AfterAttempt, settings: DeliverySettings, now: datetime
) -> AfterAttempt | None:
    """Return the delivery as it waits for its next attempt, or None if none is left."""
    waiting = replace(after, state=DeliveryState.PENDING, waits_since=now, completed_at=None)
    if completed.needs_reconnect:
        return replace(waiting, next_attempt_at=now, next_trigger=Trigger.RECONNECT)
    # A reconnect is an attempt of its own, but no step of the schedule.
    next_step = after.attempt_count - after.reconnect_count + 1
    delay = settings.schedule.delay_before(next_step, settings.random)
    if delay is None or completed.outcome is Outcome.GONE:
        return None
    delay = replace(delay, retry_after=_retry_after(completed, now))
    return replace(
        waiting,
        next_attempt_at=now + timedelta(seconds=delay.seconds),
        next_delay=asdict(delay),
    )


def _retry_after(completed: CompletedAttempt, now: datetime) -> float:
    return retry_after_seconds(completed.response.status, completed.response.headers, now=now)


def _update_endpoint(
    endpoint: EndpointInPlay,
    completed: CompletedAttempt,
    next_state: AfterAttempt,
    settings: DeliverySettings,
    now: datetime,
) -> None:
    """Put an attempt down to its endpoint."""
    if completed.outcome is Outcome.SUCCEEDED:
        _count_success(endpoint, completed)
    elif not _is_no_fault_of_the_endpoint(completed):
        _count_failure(endpoint, completed, now)
    if next_state.state is DeliveryState.FAILED:
        _count_failed_delivery(endpoint, completed, settings)


def _is_no_fault_of_the_endpoint(completed: CompletedAttempt) -> bool:
    is_ours = completed.response.error == INTERNAL_ERROR
    return is_ours or completed.needs_reconnect or completed.is_reconnect


def _count_success(endpoint: EndpointInPlay, completed: CompletedAttempt) -> None:
    duration_ms = completed.response.duration_ms
    endpoint.places = next_limit(endpoint.places, succeeded=True, duration_ms=duration_ms)
    endpoint.failed_attempts = 0
    endpoint.failed_deliveries = 0
    endpoint.probe_at = None


def _count_failure(endpoint: EndpointInPlay, completed: CompletedAttempt, now: datetime) -> None:
    duration_ms = completed.response.duration_ms
    breaker = CircuitBreaker(endpoint.failed_attempts, endpoint.probe_at).after_failure(now)
    endpoint.places = next_limit(endpoint.places, succeeded=False, duration_ms=duration_ms)
    endpoint.failed_attempts = breaker.failures
    endpoint.probe_at = breaker.probe_at
    if seconds := _retry_after(completed, now):
        endpoint.hold_until = max(endpoint.hold_until or now, now + timedelta(seconds=seconds))
    if endpoint.probe_at and endpoint.hold_until:
        endpoint.probe_at = max(endpoint.probe_at, endpoint.hold_until)


def _count_failed_delivery(
    endpoint: EndpointInPlay, completed: CompletedAttempt, settings: DeliverySettings
) -> None:
    """Disable the endpoint after too many; a delivery that is sent again counts only once."""
    if not completed.claim.counted_as_failed and completed.response.error != INTERNAL_ERROR:
        endpoint.failed_deliveries += 1
    if endpoint.status is not EndpointStatus.ACTIVE:
        return
    if completed.outcome is Outcome.GONE:
        endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, "gone"
    elif 0 < settings.disable_after <= endpoint.failed_deliveries:
        endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, "failing"


def _row(completed: CompletedAttempt) -> dict[str, Any]:
    claim, response = completed.claim, completed.response
    return {
        "delivery_id": claim.delivery_id,
        "number": claim.attempt_number,
        "endpoint_id": claim.endpoint_id,
        "trigger": claim.trigger,
        "decided_at": claim.waits_since,
        "due_at": claim.due_at,
        "delay": claim.delay,
        "enqueued_at": completed.enqueued_at,
        "started_at": completed.started_at,
        "duration_ms": response.duration_ms,
        "timings": response.timings,
        "request_url": claim.webhook_url,
        "request_headers": response.request_headers,
        "response_status": response.status,
        "response_headers": response.headers,
        "response_body": response.body,
        "response_truncated": response.truncated,
        "error": response.error,
        "error_detail": response.error_detail,
    }


def _log(completed: CompletedAttempt, next_state: AfterAttempt) -> None:
    claim, response = completed.claim, completed.response
    result = response.status or response.error
    facts = {"outcome": result, "duration_ms": response.duration_ms}
    logger.info(
        "%s: attempt %d %s %s in %d ms%s",
        claim.delivery_id,
        claim.attempt_number,
        "succeeded with" if completed.outcome is Outcome.SUCCEEDED else "failed with",
        result,
        response.duration_ms,
        _what_follows(next_state),
        extra=claim.facts | facts,
    )


def _what_follows(next_state: AfterAttempt) -> str:
    if next_state.next_attempt_at:
        wait = next_state.next_attempt_at - next_state.waits_since
        return f", retrying in {wait.total_seconds():.1f} s"
    return "" if next_state.state is DeliveryState.SUCCEEDED else ", no retry follows"


_VISIBLE = ("status", "probe_at", "hold_until")
_HEALTH = (*_VISIBLE, "disabled_reason", "failed_attempts", "failed_deliveries", "places")

# Built once: each look executes them.
_FENCES = (
    select(col(Delivery.id), col(Delivery.fence))
    .where(
        col(Delivery.id).in_(bindparam("ids", expanding=True)),
        col(Delivery.state) == DeliveryState.SENDING,
    )
    .order_by(col(Delivery.id))
    .with_for_update()
)
_INSERT_ATTEMPT = insert(Attempt)
_UPDATE_ENDPOINT = (
    update(Endpoint)
    .where(col(Endpoint.id) == bindparam("endpoint_id"))
    .values({name: bindparam(name) for name in _HEALTH})
)
