"""Records attempts: what came back, what happens to each delivery next, how its endpoint does.

All attempts that have ended meanwhile are one transaction. A worker that outlived its lease holds
an old fencing number: its record is refused, since its successor's counts.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.database.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks import states
from shop.webhooks.engine.claiming import Claim
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


async def record_attempts(
    session: AsyncSession,
    completed: Sequence[CompletedAttempt],
    endpoints: Mapping[str, Endpoint],
    settings: DeliverySettings,
    *,
    now: datetime,
) -> set[str]:
    """Record attempts of these endpoints, which the transaction has locked.

    Return the ids of the endpoints of which something changed that people see: the circuit breaker,
    or the status. What another worker has taken over meanwhile is left out.
    """
    current = await _still_ours(session, completed)
    if not current:
        return set()
    changed = set[str]()
    next_states = []
    for each in current:
        endpoint = endpoints[each.claim.endpoint_id]
        next_state = _next_state(each, endpoint, settings, now)
        next_states.append(next_state)
        if _update_endpoint(endpoint, each, next_state, settings, now):
            changed.add(endpoint.id)
        _log(each, next_state)
    await states.after_attempt(session, next_states)
    await (await session.connection()).execute(insert(Attempt), [_row(each) for each in current])
    await session.flush()  # what may be claimed next depends on the endpoints
    return changed


async def _still_ours(
    session: AsyncSession, completed: Sequence[CompletedAttempt]
) -> list[CompletedAttempt]:
    """Return the attempts whose claim is the delivery's newest, and lock those deliveries."""
    query = (
        select(Delivery.id, Delivery.fence)
        .where(
            col(Delivery.id).in_([each.claim.delivery_id for each in completed]),
            col(Delivery.state) == DeliveryState.SENDING,
        )
        .order_by(col(Delivery.id))
        .with_for_update()
    )
    fences = dict((await session.exec(query)).all()) if completed else {}
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


def _next_state(
    completed: CompletedAttempt, endpoint: Endpoint, settings: DeliverySettings, now: datetime
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
    endpoint: Endpoint,
    completed: CompletedAttempt,
    next_state: AfterAttempt,
    settings: DeliverySettings,
    now: datetime,
) -> bool:
    """Put an attempt down to its endpoint. Return whether its breaker or its status changed."""
    before = (endpoint.status, endpoint.probe_at, endpoint.hold_until)
    if completed.outcome is Outcome.SUCCEEDED:
        _count_success(endpoint, completed)
    elif not _is_no_fault_of_the_endpoint(completed):
        _count_failure(endpoint, completed, now)
    if next_state.state is DeliveryState.FAILED:
        _count_failed_delivery(endpoint, completed, settings)
    return before != (endpoint.status, endpoint.probe_at, endpoint.hold_until)


def _is_no_fault_of_the_endpoint(completed: CompletedAttempt) -> bool:
    is_ours = completed.response.error == INTERNAL_ERROR
    return is_ours or completed.needs_reconnect or completed.is_reconnect


def _count_success(endpoint: Endpoint, completed: CompletedAttempt) -> None:
    limit = next_limit(endpoint.places, succeeded=True, duration_ms=completed.response.duration_ms)
    _set(endpoint, places=limit, failed_attempts=0, probe_at=None, failed_deliveries=0)


def _count_failure(endpoint: Endpoint, completed: CompletedAttempt, now: datetime) -> None:
    breaker = CircuitBreaker(endpoint.failed_attempts, endpoint.probe_at).after_failure(now)
    limit = next_limit(endpoint.places, succeeded=False, duration_ms=completed.response.duration_ms)
    _set(endpoint, places=limit, failed_attempts=breaker.failures, probe_at=breaker.probe_at)
    if seconds := _retry_after(completed, now):
        hold_until = max(endpoint.hold_until or now, now + timedelta(seconds=seconds))
        _set(endpoint, hold_until=hold_until)
    if endpoint.probe_at and endpoint.hold_until and endpoint.probe_at < endpoint.hold_until:
        _set(endpoint, probe_at=endpoint.hold_until)


def _count_failed_delivery(
    endpoint: Endpoint, completed: CompletedAttempt, settings: DeliverySettings
) -> None:
    """Disable the endpoint after too many; a delivery that is sent again counts only once."""
    if not completed.claim.counted_as_failed and completed.response.error != INTERNAL_ERROR:
        _set(endpoint, failed_deliveries=endpoint.failed_deliveries + 1)
    if endpoint.status is not EndpointStatus.ACTIVE:
        return
    if completed.outcome is Outcome.GONE:
        _set(endpoint, status=EndpointStatus.DISABLED, disabled_reason="gone")
    elif 0 < settings.disable_after <= endpoint.failed_deliveries:
        _set(endpoint, status=EndpointStatus.DISABLED, disabled_reason="failing")


def _set(endpoint: Endpoint, **values: object) -> None:
    """Skip assignments that change nothing: the ORM makes them expensive."""
    for name, value in values.items():
        if getattr(endpoint, name) != value:
            setattr(endpoint, name, value)


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
