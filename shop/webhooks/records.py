"""Writes down what came of attempts: the next state of each delivery, and its endpoint's account.

Called by ``ledger``, in one transaction for all attempts that have ended meanwhile. A fencing
number makes sure that a worker which outlived its claim cannot overwrite its successor's record.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shop.models import Attempt, Delivery, Endpoint
from shop.vocabulary import DeliveryState, Trigger
from shop.webhooks.breaker import Breaker
from shop.webhooks.claims import GIVEN_UP, Claim
from shop.webhooks.due import may_be_sent_to
from shop.webhooks.endpoints import disable
from shop.webhooks.http_client import Answer
from shop.webhooks.outcomes import Outcome, judge, retry_after_seconds
from shop.webhooks.places import places_after
from shop.webhooks.rules import DeliveryRules

INTERNAL_ERROR = "internal_error"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that has ended. ``enqueued_at``: of the wake-up; None without one."""

    claim: Claim
    started_at: datetime
    answer: Answer
    enqueued_at: datetime | None = None

    @property
    def outcome(self) -> Outcome:
        """What the answer means."""
        return judge(self.answer.status)


# By the endpoint's id: whether what waits for it may be sent now.
Moved = dict[str, bool]


async def record_all(
    session: AsyncSession, finished: Sequence[Finished], rules: DeliveryRules, *, now: datetime
) -> Moved:
    """Write down attempts; answers the endpoints whose breaker moved or that were disabled.

    What another worker has taken over meanwhile is left out. ``session``: of a transaction that
    holds the endpoints locked (``turns.lock_endpoints``).
    """
    current = await _not_taken_over(session, finished)
    if not current:
        return {}
    ids = {each.claim.delivery.endpoint_id for each in current}
    found = await session.exec(select(Endpoint).where(col(Endpoint.id).in_(ids)))
    endpoints = {endpoint.id: endpoint for endpoint in found}
    values = [_next_state(each, endpoints, rules, now) for each in current]
    connection = await session.connection()
    await connection.execute(_MOVE_ON, values)
    await connection.execute(insert(Attempt), [_attempt_row(each) for each in current])
    for each in current:
        _log(each)
    return await _keep_accounts(session, current, values, endpoints, rules, now)


_NEXT_STATE = (
    "state",
    "attempt_count",
    "next_attempt_at",
    "next_delay",
    "next_trigger",
    "passes_breaker",
    "waits_since",
    "lease_expires_at",
    "last_status",
    "last_error",
    "completed_at",
)
_MOVE_ON = (
    update(Delivery)
    .where(col(Delivery.id) == bindparam("delivery_id"))
    .values({name: bindparam(f"new_{name}") for name in _NEXT_STATE})
)


async def _not_taken_over(session: AsyncSession, finished: Sequence[Finished]) -> list[Finished]:
    query = (
        select(Delivery.id, Delivery.fence)
        .where(
            col(Delivery.id).in_([each.claim.delivery.id for each in finished]),
            Delivery.state == DeliveryState.SENDING,
        )
        .with_for_update()
    )
    fences = dict((await session.exec(query)).all())
    current = []
    for each in finished:
        if fences.get(each.claim.delivery.id) == each.claim.fence:
            current.append(each)
        else:
            facts = each.claim.facts
            logger.warning(
                "Delivery %s: another worker took over",
                each.claim.delivery.id,
                extra=facts,
            )
    return current


def _next_state(
    finished: Finished, endpoints: Mapping[str, Endpoint], rules: DeliveryRules, now: datetime
) -> dict[str, Any]:
    """For ``_MOVE_ON``: each column of ``_NEXT_STATE``, whether it changes or not."""
    delivery, answer = finished.claim.delivery, finished.answer
    values = {
        "state": DeliveryState.SUCCEEDED,
        "attempt_count": finished.claim.attempt_number,
        "next_attempt_at": None,
        "next_delay": None,
        "next_trigger": Trigger.AUTOMATIC,
        "passes_breaker": False,
        "waits_since": delivery.waits_since,
        "lease_expires_at": None,
        "last_status": answer.status,
        "last_error": answer.error,
        "completed_at": now,
    }
    if finished.outcome is not Outcome.SUCCEEDED:
        values |= _after_failure(finished, rules, now)
        # Deleted while the request was out: nobody is there to try it again for.
        is_deleted = endpoints[finished.claim.delivery.endpoint_id].deleted_at is not None
        if is_deleted and values["state"] is DeliveryState.PENDING:
            values |= GIVEN_UP | {"completed_at": now}
    return {"delivery_id": delivery.id} | {f"new_{name}": values[name] for name in _NEXT_STATE}


def _after_failure(finished: Finished, rules: DeliveryRules, now: datetime) -> dict[str, Any]:
    answer, next_number = finished.answer, finished.claim.attempt_number + 1
    delay = rules.schedule.delay_before(next_number, rules.random)
    if delay is None or finished.outcome is Outcome.GONE:
        return {"state": DeliveryState.FAILED}
    asked_for = retry_after_seconds(answer.status, answer.headers, now=now)
    delay = replace(delay, retry_after=asked_for)
    return {
        "state": DeliveryState.PENDING,
        "next_attempt_at": now + timedelta(seconds=delay.seconds),
        "next_delay": asdict(delay),
        "waits_since": now,
        "completed_at": finished.claim.delivery.completed_at,
    }


def _attempt_row(finished: Finished) -> dict[str, Any]:
    delivery, answer = finished.claim.delivery, finished.answer
    return {
        "delivery_id": delivery.id,
        "number": finished.claim.attempt_number,
        "endpoint_id": delivery.endpoint_id,
        "trigger": delivery.trigger,
        "decided_at": delivery.waits_since,
        "due_at": delivery.due_at,
        "delay": delivery.delay,
        "enqueued_at": finished.enqueued_at,
        "started_at": finished.started_at,
        "duration_ms": answer.duration_ms,
        "timings": answer.timings,
        "request_url": finished.claim.webhook_url,
        "request_headers": answer.request_headers,
        "response_status": answer.status,
        "response_headers": answer.headers,
        "response_body": answer.body,
        "response_truncated": answer.truncated,
        "error": answer.error,
        "error_detail": answer.error_detail,
    }


async def _keep_accounts(  # noqa: PLR0913, PLR0917 – what the transaction has read and decided
    session: AsyncSession,
    recorded: Sequence[Finished],
    values: Sequence[dict[str, Any]],
    endpoints: Mapping[str, Endpoint],
    rules: DeliveryRules,
    now: datetime,
) -> Moved:
    """Of each endpoint: its breaker, its run of failed deliveries, its end."""
    moved: Moved = {}
    for each, value in zip(recorded, values, strict=True):
        if each.answer.error == INTERNAL_ERROR:
            continue  # our own failures are no account of the endpoint's
        endpoint = endpoints[each.claim.delivery.endpoint_id]
        gave_up = value["new_state"] is DeliveryState.FAILED
        places = places_after(
            endpoint.places,
            succeeded=each.outcome is Outcome.SUCCEEDED,
            duration_ms=each.answer.duration_ms,
        )
        _set(endpoint, "places", places)
        if _note(endpoint, each.outcome, gave_up=gave_up, now=now):
            moved[endpoint.id] = may_be_sent_to(endpoint, now)
        reason = _end_of(endpoint, each.outcome, rules)
        if reason:
            await session.flush()
            await disable(session, endpoint.id, reason=reason)
            moved[endpoint.id] = False
    await session.flush()  # what may be claimed depends on it
    return moved


def _note(endpoint: Endpoint, outcome: Outcome, *, gave_up: bool, now: datetime) -> bool:
    """Put an outcome down to an endpoint; whether its breaker opened or closed."""
    before = Breaker(endpoint.failed_attempts, endpoint.probe_at)
    failed_deliveries = 0
    if outcome is Outcome.SUCCEEDED:
        after = before.after_success()
    else:
        after = before.after_failure(now)
        failed_deliveries = endpoint.failed_deliveries + gave_up
    _set(endpoint, "failed_attempts", after.failures)
    _set(endpoint, "probe_at", after.probe_at)
    _set(endpoint, "failed_deliveries", failed_deliveries)
    return after.probe_at != before.probe_at


def _set(endpoint: Endpoint, column: str, value: object) -> None:
    """Unless it has the value: of a thousand attempts few change anything, and setting is slow."""
    if getattr(endpoint, column) != value:
        setattr(endpoint, column, value)


def _end_of(endpoint: Endpoint, outcome: Outcome, rules: DeliveryRules) -> str:
    """Why the endpoint is not sent to any more, or nothing."""
    if outcome is Outcome.GONE:
        return "gone"
    return "failing" if 0 < rules.disable_after <= endpoint.failed_deliveries else ""


def _log(finished: Finished) -> None:
    logger.info(
        "Delivery %s attempt %d → %s in %d ms",
        finished.claim.delivery.id,
        finished.claim.attempt_number,
        finished.answer.status or finished.answer.error,
        finished.answer.duration_ms,
        extra=finished.claim.facts
        | {
            "outcome": finished.answer.status or finished.answer.error,
            "duration_ms": finished.answer.duration_ms,
        },
    )
