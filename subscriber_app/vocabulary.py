"""The names of verdicts, reasons and steps, as used in tables, JSON and pages. Pure."""

# ruff: noqa: S105 – the word "token" in a name is not a password

from enum import StrEnum

# Fields of log lines, in addition to those of the request log.
LOG_FIELDS = ("receipt_id", "message_id", "endpoint_id", "verdict", "reason")


class Verdict(StrEnum):
    """The outcome of an incoming request."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # genuine, but processed before
    IGNORED = "ignored"  # genuine, but of an unknown event type
    REJECTED = "rejected"  # for a named reason


class Result(StrEnum):
    """The result of one verification step."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # nothing to check
    NOT_REACHED = "not_reached"  # an earlier step failed


class StepName(StrEnum):
    """Every step from the raw request to the booking, in order."""

    SIZE = "size"
    CONTENT_TYPE = "content_type"
    HEADERS = "headers"
    TIMESTAMP = "timestamp"
    SIGNATURE = "signature"
    TOKEN = "token"
    EVENT = "event"
    DEDUPLICATION = "deduplication"
    BOOKING = "booking"


class EventType(StrEnum):
    """The event types that the subscriber processes."""

    PURCHASE_CREATED = "purchase.created"
    PURCHASE_SHIPPED = "purchase.shipped"
    PURCHASE_REFUNDED = "purchase.refunded"
    WEBHOOK_PING = "webhook.ping"


class Reason(StrEnum):
    """Why a request is rejected."""

    TOO_LARGE = "too_large"
    INCOMPLETE = "incomplete"
    BODY_TIMEOUT = "body_timeout"
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    UNSUPPORTED_CONTENT_ENCODING = "unsupported_content_encoding"
    DUPLICATE_HEADER = "duplicate_header"
    MISSING_HEADER = "missing_header"
    NO_CREDENTIAL = "no_credential"
    MALFORMED_ID = "malformed_id"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMESTAMP_TOO_NEW = "timestamp_too_new"
    NOT_SUBSCRIBED = "not_subscribed"
    SIGNATURE_MISMATCH = "signature_mismatch"
    MALFORMED_TOKEN = "malformed_token"
    TOKEN_ALGORITHM = "token_algorithm"
    TOKEN_TYPE = "token_type"
    TOKEN_SIGNATURE = "token_signature"
    TOKEN_LIFETIME = "token_lifetime"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    TOKEN_ISSUER = "token_issuer"
    TOKEN_AUDIENCE = "token_audience"
    TOKEN_PAYLOAD_HASH = "token_payload_hash"
    TOKEN_MESSAGE_ID = "token_message_id"
    TOKEN_TIMESTAMP = "token_timestamp"
    MALFORMED_EVENT = "malformed_event"
    CONFLICTING_BODY = "conflicting_body"
    SIMULATED_FAULT = "simulated_fault"  # rejected on purpose: see ``faults``

    @property
    def status(self) -> int:
        """Return the HTTP status of the response: 401 unless the request is malformed."""
        return _STATUS.get(self, 401)


_STATUS = {
    Reason.TOO_LARGE: 413,
    Reason.INCOMPLETE: 400,
    Reason.BODY_TIMEOUT: 408,
    Reason.UNSUPPORTED_CONTENT_TYPE: 415,
    Reason.UNSUPPORTED_CONTENT_ENCODING: 415,
    Reason.DUPLICATE_HEADER: 400,
    Reason.MALFORMED_EVENT: 400,
    Reason.CONFLICTING_BODY: 409,
}
