"""Whether a delivery can be resent, and why its endpoint holds it back. Pure."""

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
