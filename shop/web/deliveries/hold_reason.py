"""Whether a delivery can be sent now, and what of its endpoint holds it back. Pure rules.

Called for the log and for the page of a delivery.
"""

from datetime import datetime

from shop.database.models import Delivery, Endpoint
from shop.vocabulary import DeliveryState, EndpointStatus


def may_resend(delivery: Delivery, endpoint: Endpoint) -> bool:
    """Whether sending again would change anything: what waits for a paused endpoint goes on so."""
    reachable = endpoint.deleted_at is None and endpoint.status is not EndpointStatus.DISABLED
    is_paused = endpoint.status is EndpointStatus.PAUSED
    waits_anyway = delivery.state is DeliveryState.PENDING and is_paused
    return reachable and not waits_anyway and delivery.state is not DeliveryState.SENDING


def held_back_by(delivery: Delivery, endpoint: Endpoint, now: datetime) -> str:
    """What of its endpoint makes a delivery wait longer than its own next try, or nothing."""
    if delivery.state is not DeliveryState.PENDING:
        return ""
    if endpoint.status is not EndpointStatus.ACTIVE:
        return endpoint.status.value
    if endpoint.probe_at and not delivery.passes_breaker:
        return "breaker"
    if endpoint.hold_until and endpoint.hold_until > now and not delivery.passes_breaker:
        return "retry-after"
    return ""
