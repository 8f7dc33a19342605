"""What one can do with a delivery, and why its endpoint holds it back. Pure."""

from datetime import datetime

from shop.database.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus


def may_resend(delivery: Delivery, endpoint: Endpoint) -> bool:
    """Return whether resending has an effect.

    It has none for a delivery that already waits for a paused endpoint.
    """
    is_reachable = endpoint.deleted_at is None and endpoint.status is not EndpointStatus.DISABLED
    is_paused = endpoint.status is EndpointStatus.PAUSED
    waits_anyway = delivery.state is DeliveryState.PENDING and is_paused
    return is_reachable and not waits_anyway and delivery.state is not DeliveryState.SENDING


def resend_nonce(delivery: Delivery) -> str:
    """Return the nonce of the form that resends the delivery: it changes when the delivery does.

    A random one would change each time a live page is rendered. It is short, as a log has many.
    """
    at = delivery.completed_at or delivery.next_attempt_at
    return f"{delivery.attempt_count}.{at.timestamp() if at else ''}"


def may_skip(delivery: Delivery, endpoint: Endpoint, now: datetime) -> bool:
    """Return whether the delivery waits for a planned time, which an advance brings nearer."""
    planned_at = delivery.next_attempt_at
    if delivery.state is not DeliveryState.PENDING or planned_at is None:
        return False
    if endpoint.deleted_at or endpoint.status is not EndpointStatus.ACTIVE:
        return False
    return planned_at > now or bool(held_back_by(delivery, endpoint, now))


def is_held(endpoint: Endpoint, now: datetime) -> bool:
    """Return whether an open breaker or Retry-After holds deliveries until a planned time."""
    planned = (endpoint.probe_at, endpoint.hold_until)
    is_active = endpoint.status is EndpointStatus.ACTIVE
    return is_active and any(at is not None and at > now for at in planned)


def held_back_by(delivery: Delivery, endpoint: Endpoint, now: datetime) -> str:
    """Return why the endpoint holds back a pending delivery, or an empty string.

    The reason is ``paused``, ``disabled``, ``breaker`` or ``retry-after``.
    """
    if delivery.state is not DeliveryState.PENDING:
        return ""
    if endpoint.status is not EndpointStatus.ACTIVE:
        return endpoint.status.value
    if endpoint.probe_at and not delivery.passes_breaker:
        return "breaker"
    if endpoint.hold_until and endpoint.hold_until > now and not delivery.passes_breaker:
        return "retry-after"
    return ""
