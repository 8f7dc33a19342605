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
