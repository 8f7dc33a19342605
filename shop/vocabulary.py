"""The values for states and types, as they appear in tables, JSON and pages."""

from enum import StrEnum

# Fields of log lines, in addition to those of the request.
LOG_FIELDS = ("delivery_id", "attempt", "message_id", "endpoint_id", "order_id", "outcome")


class EventType(StrEnum):
    """The type of an event."""

    PURCHASE_CREATED = "purchase.created"
    PURCHASE_SHIPPED = "purchase.shipped"
    PURCHASE_REFUNDED = "purchase.refunded"
    WEBHOOK_PING = "webhook.ping"


class EndpointStatus(StrEnum):
    """Whether deliveries to an endpoint are sent."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person; deliveries wait
    DISABLED = "disabled"  # by the shop, with a reason


class BreakerState(StrEnum):
    """Whether the circuit breaker of an endpoint lets deliveries through."""

    CLOSED = "closed"
    OPEN = "open"  # deliveries wait
    HALF_OPEN = "half_open"  # one delivery is sent, as a probe


class ClockState(StrEnum):
    """Whether time is skipped in a sandbox."""

    READY = "ready"
    ADVANCING = "advancing"


class DeliveryState(StrEnum):
    """The state of a delivery. ``pending`` and ``sending`` are the only ones that are not final."""

    PENDING = "pending"  # waits for next_attempt_at
    SENDING = "sending"  # claimed by a worker until lease_expires_at
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the retry schedule is used up
    CANCELLED = "cancelled"


class DisabledReason(StrEnum):
    """Why the shop disabled an endpoint."""

    GONE = "gone"  # it responded 410
    FAILING = "failing"  # too many deliveries in a row used up the schedule


class RefusalReason(StrEnum):
    """Why the shop does not send to a URL."""

    NOT_A_URL = "not_a_url"  # no request can be sent to it, or programs read it differently
    USER_INFORMATION = "user_information"  # a user name or a password before the host
    NOT_HTTPS = "not_https"
    UNUSUAL_ADDRESS = "unusual_address"  # an IP address that is not in its plain form
    NOT_PUBLIC = "not_public"  # an address outside of the public internet
    THIS_MACHINE = "this_machine"
    OWN_ADDRESS = "own_address"  # the shop itself
    INTERNAL_NAME = "internal_name"  # a name that only internal networks know


class AttemptError(StrEnum):
    """Why there was no response to an attempt."""

    DNS_ERROR = "dns_error"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_TIMEOUT = "connection_timeout"
    RESPONSE_TIMEOUT = "response_timeout"
    TLS_ERROR = "tls_error"
    PROTOCOL_ERROR = "protocol_error"
    BLOCKED_ADDRESS = "blocked_address"
    INTERNAL_ERROR = "internal_error"  # the worker failed, not the endpoint


class Trigger(StrEnum):
    """Why an attempt is made."""

    AUTOMATIC = "automatic"  # by the schedule
    MANUAL = "manual"  # requested by a person or an API client
    RECONNECT = "reconnect"  # the previous attempt used a connection that was just closed
