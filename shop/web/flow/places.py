"""Where a delivery is right now, and what holds it there. Pure: called by ``picture``.

A delivery always lies in the database. But what happens to it next happens elsewhere, so it is
shown there: in Redis while its wake-up waits in the queue, at the endpoint while a request is out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shop.vocabulary import DeliveryState, EndpointStatus
from shop.web.flow.facts import DeliveryFacts, EndpointFacts, Facts


class Place(StrEnum):
    """A part of the picture in which deliveries stand."""

    DATABASE = "database"  # due, and nobody has been woken for it
    WAITING = "waiting"  # the waiting room, also in the database
    REDIS = "redis"  # due, and a wake-up is queued
    WORKER = "worker"  # claimed by a worker that is gone
    ENDPOINT = "endpoint"  # the request is on its way
    LANDED = "landed"
    FAILED = "failed"


class Hold(StrEnum):
    """Why a delivery is in the waiting room."""

    RETRY = "retry"  # its next try has a time
    PAUSED = "paused"
    DISABLED = "disabled"
    BREAKER = "breaker"  # the endpoint is left alone until the next probe
    RETRY_AFTER = "retry-after"  # the endpoint asked for a pause
    TURN = "turn"  # as many as allowed are on their way to this endpoint


@dataclass(frozen=True, slots=True)
class Where:
    """``until``: when it moves on, as far as that is known."""

    place: Place
    hold: Hold | None = None
    until: datetime | None = None


def where_is(delivery: DeliveryFacts, endpoint: EndpointFacts | None, facts: Facts) -> Where | None:
    """Where a delivery is; None for one that was cancelled. ``endpoint``: None if it is deleted."""
    match delivery.state:
        case DeliveryState.SUCCEEDED:
            return Where(Place.LANDED)
        case DeliveryState.FAILED:
            return Where(Place.FAILED)
        case DeliveryState.SENDING:
            return _where_sending(delivery, facts)
        case DeliveryState.PENDING:
            return _where_pending(delivery, endpoint, facts)
    return None


def hold_of(endpoint: EndpointFacts, now: datetime) -> Hold | None:
    """What of the endpoint keeps even those deliveries waiting that are due."""
    if endpoint.status is EndpointStatus.PAUSED:
        return Hold.PAUSED
    if endpoint.status is EndpointStatus.DISABLED:
        return Hold.DISABLED
    if endpoint.probe_at and endpoint.probe_at > now:
        return Hold.BREAKER
    if endpoint.hold_until and endpoint.hold_until > now:
        return Hold.RETRY_AFTER
    return Hold.TURN if endpoint.sending >= endpoint.share else None


def hold_ends_at(endpoint: EndpointFacts, hold: Hold | None) -> datetime | None:
    """Return when the endpoint lets deliveries go on, as far as that is known."""
    if hold is Hold.BREAKER:
        return endpoint.probe_at
    return endpoint.hold_until if hold is Hold.RETRY_AFTER else None


def _where_sending(delivery: DeliveryFacts, facts: Facts) -> Where:
    lease = delivery.lease_expires_at
    if facts.nobody_works or (lease and lease <= facts.now):
        return Where(Place.WORKER, until=lease)
    return Where(Place.ENDPOINT)


def _where_pending(delivery: DeliveryFacts, endpoint: EndpointFacts | None, facts: Facts) -> Where:
    hold = hold_of(endpoint, facts.now) if endpoint else None
    if hold in {Hold.BREAKER, Hold.RETRY_AFTER} and delivery.passes_breaker:
        hold = None
    if hold in {Hold.PAUSED, Hold.DISABLED}:
        return Where(Place.WAITING, hold)
    due_at = delivery.next_attempt_at
    if due_at and due_at > facts.now:
        return Where(Place.WAITING, Hold.RETRY, until=due_at)
    if hold:
        return Where(Place.WAITING, hold, until=hold_ends_at(endpoint, hold) if endpoint else None)
    return Where(Place.REDIS if facts.queue_length else Place.DATABASE)
