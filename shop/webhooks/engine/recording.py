"""Records completed attempts: the attempt, the delivery's next state, and the endpoint's health.

One transaction records all attempts that have completed since the last one. An attempt with an old
fencing number is not recorded: its lease has expired, and the delivery is due or claimed again.
Nor is one of a sandbox that was dropped or emptied during the request.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import col

from shop.database.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState
from shop.webhooks import states
from shop.webhooks.engine.after_attempt import CompletedAttempt, next_state, update_endpoint
from shop.webhooks.engine.due import LockedEndpoint
from shop.webhooks.engine.settings import SettingsBySandbox
from shop.webhooks.rules.responses import Outcome
from shop.webhooks.states import NextState

logger = logging.getLogger(__name__)


def record_attempts(
    connection: Connection,
    completed: Sequence[CompletedAttempt],
    endpoints: Mapping[str, LockedEndpoint],
    settings: SettingsBySandbox,
    *,
    now: datetime,
) -> set[str]:
    """Record attempts, and update the health of their endpoints.

    ``endpoints``: at least those of the attempts, by id. ``settings``: at least those of their
    sandboxes that exist. Skip an attempt if another worker has claimed its delivery since, or if
    its sandbox was dropped. Return the ids of the endpoints whose status, circuit breaker or hold
    has changed.
    """
    current = _lock_current(connection, completed, settings)
    if not current:
        return set()
    attempted = [endpoints[id_] for id_ in sorted({each.claim.endpoint_id for each in current})]
    before = {endpoint.id: _health(endpoint) for endpoint in attempted}
    next_states = []
    for each in current:
        endpoint = endpoints[each.claim.endpoint_id]
        its_settings = settings[each.claim.sandbox]
        after = next_state(each, endpoint, its_settings, now)
        next_states.append(after)
        update_endpoint(endpoint, each, after, its_settings, now)
        # A retry may be due immediately.
        endpoint.may_have_due |= after.state is DeliveryState.PENDING
        _log(each, after)
    states.after_attempt(connection, next_states)
    connection.execute(_INSERT_ATTEMPT, [_attempt_row(each) for each in current])
    return _store_health(connection, attempted, before)


def _lock_current(
    connection: Connection, completed: Sequence[CompletedAttempt], settings: SettingsBySandbox
) -> list[CompletedAttempt]:
    """Lock the deliveries. Return the attempts whose claim is still the delivery's newest.

    Leave out those of dropped sandboxes.
    """
    ids = [each.claim.delivery_id for each in completed]
    rows = connection.execute(_FENCES, {"ids": ids}) if completed else ()
    fences = {row.id: row.fence for row in rows}
    current = []
    for each in completed:
        is_newest = fences.get(each.claim.delivery_id) == each.claim.fence
        if is_newest and each.claim.sandbox in settings:
            current.append(each)
        else:
            logger.warning(
                "%s: attempt %d not recorded, its claim is no longer valid",
                each.claim.delivery_id,
                each.claim.attempt_number,
                extra=each.claim.log_fields,
            )
    return current


def _health(endpoint: LockedEndpoint) -> dict[str, Any]:
    """Return the columns that an attempt may change."""
    return {name: getattr(endpoint, name) for name in _HEALTH_COLUMNS}


def _store_health(
    connection: Connection,
    endpoints: Sequence[LockedEndpoint],
    before: Mapping[str, Mapping[str, Any]],
) -> set[str]:
    """Store changed columns. Return the ids of endpoints with a change that pages show."""
    changed = [endpoint for endpoint in endpoints if _health(endpoint) != before[endpoint.id]]
    if changed:
        rows = [{"endpoint_id": endpoint.id, **_health(endpoint)} for endpoint in changed]
        connection.execute(_UPDATE_ENDPOINT, rows)
    for endpoint in changed:
        endpoint.may_have_due = True  # the change may have made waiting deliveries due
    return {
        endpoint.id
        for endpoint in changed
        if any(getattr(endpoint, name) != before[endpoint.id][name] for name in _SHOWN_COLUMNS)
    }


def _attempt_row(completed: CompletedAttempt) -> dict[str, Any]:
    claim, response = completed.claim, completed.response
    return {
        "delivery_id": claim.delivery_id,
        "number": claim.attempt_number,
        "sandbox": claim.sandbox,
        "endpoint_id": claim.endpoint_id,
        "trigger": claim.trigger,
        "decided_at": claim.waits_since,
        "due_at": claim.due_at,
        "skipped_ms": claim.skipped_ms,
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


def _log(completed: CompletedAttempt, after: NextState) -> None:
    claim, response = completed.claim, completed.response
    result = response.status or response.error
    log_fields = {"outcome": result, "duration_ms": response.duration_ms}
    logger.info(
        "%s: attempt %d %s %s in %d ms%s",
        claim.delivery_id,
        claim.attempt_number,
        "succeeded with" if completed.outcome is Outcome.SUCCEEDED else "failed with",
        result,
        response.duration_ms,
        _next_step_text(after),
        extra=claim.log_fields | log_fields,
    )


def _next_step_text(after: NextState) -> str:
    if after.next_attempt_at:
        wait = after.next_attempt_at - after.waits_since
        return f", retrying in {wait.total_seconds():.1f} s"
    return "" if after.state is DeliveryState.SUCCEEDED else ", no retry follows"


_SHOWN_COLUMNS = ("status", "probe_at", "hold_until")
_HEALTH_COLUMNS = (
    *_SHOWN_COLUMNS,
    "disabled_reason",
    "failed_attempts",
    "failed_deliveries",
    "places",
)

# Built once: building a statement takes several times as long as executing it.
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
    .values({name: bindparam(name) for name in _HEALTH_COLUMNS})
)
