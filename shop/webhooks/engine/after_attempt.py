"""Decides what an attempt changes: the delivery's next state and the endpoint's health.

No database: ``recording`` stores the result.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks.engine.claiming import Claim
from shop.webhooks.engine.due import LockedEndpoint
from shop.webhooks.engine.http_client import Response
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.circuit_breaker import CircuitBreaker
from shop.webhooks.rules.concurrency import next_limit
from shop.webhooks.rules.responses import Outcome, outcome_of, retry_after_seconds
from shop.webhooks.states import NextState

INTERNAL_ERROR = "internal_error"  # of this program; not the endpoint's fault


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """An attempt that has succeeded or failed.

    ``enqueued_at``: when the wake-up for it was sent; None if the worker found it by polling.
    """

    claim: Claim
    started_at: datetime
    response: Response
    enqueued_at: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        """The result for the delivery."""
        return outcome_of(self.response.status)

    @property
    def needs_reconnect(self) -> bool:
        """Whether it used a pooled connection that the receiver had just closed.

        That says nothing about the receiver, so a reconnect follows immediately.
        """
        return self.response.connection_lost_on_reuse and not self.is_reconnect

    @property
    def is_reconnect(self) -> bool:
        """Whether it was sent on a fresh connection after such an attempt."""
        return self.claim.trigger is Trigger.RECONNECT


def next_state(
    completed: CompletedAttempt, endpoint: LockedEndpoint, settings: DeliverySettings, now: datetime
) -> NextState:
    """Return the delivery's columns after an attempt: succeeded, waiting for a retry, or ended."""
    claim, response = completed.claim, completed.response
    final = NextState(
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
        return final
    retry = _retry(completed, final, settings, now)
    if retry is None:
        return replace(final, state=DeliveryState.FAILED, counted_as_failed=True)
    if endpoint.deleted_at:  # during the request: do not retry
        return replace(final, state=DeliveryState.CANCELLED)
    return retry


def _retry(
    completed: CompletedAttempt, final: NextState, settings: DeliverySettings, now: datetime
) -> NextState | None:
    """Return the delivery's columns while it waits for a retry, or None if no retry is left."""
    waiting = replace(final, state=DeliveryState.PENDING, waits_since=now, completed_at=None)
    if completed.needs_reconnect:
        return replace(waiting, next_attempt_at=now, next_trigger=Trigger.RECONNECT)
    # A reconnect has an attempt number, but is not a step of the schedule.
    next_step = final.attempt_count - final.reconnect_count + 1
    delay = settings.schedule.delay_before(next_step, settings.random, jitter=settings.jitter)
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


def update_endpoint(
    endpoint: LockedEndpoint,
    completed: CompletedAttempt,
    after: NextState,
    settings: DeliverySettings,
    now: datetime,
) -> None:
    """Update the endpoint's slots, circuit breaker, hold, counters and status after an attempt."""
    if completed.outcome is Outcome.SUCCEEDED:
        _count_success(endpoint, completed)
    elif _is_fault_of_endpoint(completed):
        _count_failure(endpoint, completed, settings, now)
    if after.state is DeliveryState.FAILED:
        _count_failed_delivery(endpoint, completed, settings)


def _is_fault_of_endpoint(completed: CompletedAttempt) -> bool:
    is_internal = completed.response.error == INTERNAL_ERROR
    return not (is_internal or completed.needs_reconnect or completed.is_reconnect)


def _count_success(endpoint: LockedEndpoint, completed: CompletedAttempt) -> None:
    duration_ms = completed.response.duration_ms
    endpoint.places = next_limit(endpoint.places, succeeded=True, duration_ms=duration_ms)
    breaker = CircuitBreaker(endpoint.failed_attempts, endpoint.probe_at).after_success()
    endpoint.failed_attempts = breaker.failures
    endpoint.probe_at = breaker.probe_at
    endpoint.failed_deliveries = 0


def _count_failure(
    endpoint: LockedEndpoint,
    completed: CompletedAttempt,
    settings: DeliverySettings,
    now: datetime,
) -> None:
    duration_ms = completed.response.duration_ms
    breaker = CircuitBreaker(endpoint.failed_attempts, endpoint.probe_at).after_failure(
        now, failures_to_open=settings.breaker_failures
    )
    endpoint.places = next_limit(endpoint.places, succeeded=False, duration_ms=duration_ms)
    endpoint.failed_attempts = breaker.failures
    endpoint.probe_at = breaker.probe_at
    if seconds := _retry_after(completed, now):
        endpoint.hold_until = max(endpoint.hold_until or now, now + timedelta(seconds=seconds))
    if endpoint.probe_at and endpoint.hold_until:
        endpoint.probe_at = max(endpoint.probe_at, endpoint.hold_until)


def _count_failed_delivery(
    endpoint: LockedEndpoint, completed: CompletedAttempt, settings: DeliverySettings
) -> None:
    """Count a failed delivery, but only once if it is resent. Disable the endpoint if needed."""
    if not completed.claim.counted_as_failed and completed.response.error != INTERNAL_ERROR:
        endpoint.failed_deliveries += 1
    if endpoint.status is not EndpointStatus.ACTIVE:
        return
    if completed.outcome is Outcome.GONE:
        endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, "gone"
    elif 0 < settings.disable_after <= endpoint.failed_deliveries:
        endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, "failing"
