"""The words for states and kinds, as they stand in tables, JSON and pages. Pure values."""

from enum import StrEnum

# Ids and facts of log lines, beside those of the request.
LOG_FIELDS = ("delivery_id", "attempt", "message_id", "endpoint_id", "order_id", "outcome")


class EventType(StrEnum):
    """What an endpoint can be told about."""

    PURCHASE_CREATED = "purchase.created"
    PURCHASE_SHIPPED = "purchase.shipped"
    PURCHASE_REFUNDED = "purchase.refunded"
    WEBHOOK_PING = "webhook.ping"


class EndpointStatus(StrEnum):
    """Whether deliveries to an endpoint are sent."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person; deliveries wait
    DISABLED = "disabled"  # by the shop, with a reason


class DeliveryState(StrEnum):
    """Where a delivery stands; ``pending`` and ``sending`` are the only ones that move on."""

    PENDING = "pending"  # waits for next_attempt_at
    SENDING = "sending"  # claimed by a worker until lease_expires_at
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the schedule is used up: a dead letter
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """Why an attempt is made."""

    AUTOMATIC = "automatic"  # the schedule says so
    MANUAL = "manual"  # somebody asked for it
    RECONNECT = "reconnect"  # the one before met a connection that was just closed
