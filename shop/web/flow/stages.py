"""The current stage of a delivery, and the reason why it waits there. Pure.

Every delivery is stored in the database. The picture shows it where its next step happens: in Redis
while its wake-up is queued, at the endpoint while its request is in flight.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shop.vocabulary import DeliveryState
from shop.web.flow.facts import DeliveryFacts, EndpointFacts, Facts
from shop.webhooks.rules.holds import Hold, hold_of_endpoint, hold_of_full


class Stage(StrEnum):
    """A stage of the pipeline, and the part of the picture that shows it."""

    DATABASE = "database"  # due, with no wake-up in the queue
    WAITING = "waiting"  # not to be sent yet
    REDIS = "redis"  # due, with a wake-up in the queue
    WORKER = "worker"  # claimed by a worker that is gone
    ENDPOINT = "endpoint"  # the request is in flight
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Position:
    """The stage of a delivery. `until`: when it moves on, if that is known."""

    stage: Stage
    hold: Hold | None = None
    until: datetime | None = None


def position_of(
    delivery: DeliveryFacts, endpoint: EndpointFacts | None, facts: Facts
) -> Position | None:
    """Return the position of a delivery, or None if it was cancelled.

    `endpoint`: None if it was deleted.
    """
    match delivery.state:
        case DeliveryState.SUCCEEDED:
            return Position(Stage.DELIVERED)
        case DeliveryState.FAILED:
            return Position(Stage.FAILED)
        case DeliveryState.SENDING:
            return _position_of_sending(delivery, facts)
        case DeliveryState.PENDING:
            return _position_of_pending(delivery, endpoint, facts)
    return None


def hold_of(endpoint: EndpointFacts, now: datetime) -> Hold | None:
    """Return the reason why even due deliveries to this endpoint wait, or None."""
    held = hold_of_endpoint(endpoint.status, endpoint.probe_at, endpoint.hold_until, now)
    return held or hold_of_full(endpoint.probe_at, has_free_slot=endpoint.has_free_slot)


def hold_ends_at(endpoint: EndpointFacts, hold: Hold | None) -> datetime | None:
    """Return when this hold ends, or None if that is unknown."""
    if hold is Hold.BREAKER:
        return endpoint.probe_at
    return endpoint.hold_until if hold is Hold.RETRY_AFTER else None


def _position_of_sending(delivery: DeliveryFacts, facts: Facts) -> Position:
    lease = delivery.lease_expires_at
    if facts.has_no_worker or (lease and lease <= facts.now):
        return Position(Stage.WORKER, until=lease)
    return Position(Stage.ENDPOINT)


def _position_of_pending(
    delivery: DeliveryFacts, endpoint: EndpointFacts | None, facts: Facts
) -> Position:
    hold = hold_of(endpoint, facts.now) if endpoint else None
    if hold in {Hold.BREAKER, Hold.RETRY_AFTER} and delivery.passes_breaker:
        hold = None
    if hold in {Hold.PAUSED, Hold.DISABLED}:
        return Position(Stage.WAITING, hold)
    due_at = delivery.next_attempt_at
    if due_at and due_at > facts.now:
        return Position(Stage.WAITING, Hold.RETRY, until=due_at)
    if hold:
        ends_at = hold_ends_at(endpoint, hold) if endpoint else None
        if ends_at and ends_at <= facts.now:  # the probe is in flight
            ends_at = None
        return Position(Stage.WAITING, hold, until=ends_at)
    return Position(Stage.REDIS if facts.queue_length else Stage.DATABASE)
