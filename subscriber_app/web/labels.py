"""The texts that pages show for steps, reasons and faults."""

from dataclasses import asdict
from http import HTTPStatus

from subscriber_app.faults import Fault, FaultAction, FaultActionKind, FaultMode
from subscriber_app.faults.actions import DEFAULT_LOCATION, parse_recorded_word
from subscriber_app.vocabulary import Reason, StepName

STEP_LABELS = {
    StepName.SIZE: "Size",
    StepName.CONTENT_TYPE: "Content type",
    StepName.HEADERS: "Required headers",
    StepName.TIMESTAMP: "Timestamp",
    StepName.SIGNATURE: "Signature",
    StepName.TOKEN: "Token",
    StepName.EVENT: "Event",
    StepName.DEDUPLICATION: "De-duplication",
    StepName.BOOKING: "Booking",
}

REASON_MEANINGS = {
    Reason.TOO_LARGE: "The shop never sends a body of this size.",
    Reason.INCOMPLETE: "The connection closed before the whole body had arrived.",
    Reason.BODY_TIMEOUT: "The sender was too slow. The receiver does not wait without limit.",
    Reason.UNSUPPORTED_CONTENT_TYPE: "The receiver accepts only JSON.",
    Reason.UNSUPPORTED_CONTENT_ENCODING: "The signature covers the bytes as sent, unencoded.",
    Reason.DUPLICATE_HEADER: (
        "With two values for one header, a receiver might verify one and use the other."
    ),
    Reason.MISSING_HEADER: "This header is required: nothing can be verified without it.",
    Reason.NO_CREDENTIAL: "Nothing proves who sent this request. Anybody could have sent it.",
    Reason.MALFORMED_ID: "The id is part of the signed content, so its format is strict.",
    Reason.MALFORMED_TIMESTAMP: (
        "The timestamp is part of the signed content, so its format is strict."
    ),
    Reason.TIMESTAMP_TOO_OLD: "This could be a replay: a recorded request, sent again later.",
    Reason.TIMESTAMP_TOO_NEW: "The sender's clock is ahead of ours, or the timestamp is made up.",
    Reason.NOT_SUBSCRIBED: "This subscriber has no valid secret, so it cannot verify anything.",
    Reason.SIGNATURE_MISMATCH: (
        "The request is signed with another secret, or its body, id or timestamp was changed "
        "after signing."
    ),
    Reason.MALFORMED_TOKEN: "The authorization header does not hold a token as the shop sends it.",
    Reason.TOKEN_ALGORITHM: (
        "A token must not choose how it is verified: it could choose no verification at all."
    ),
    Reason.TOKEN_TYPE: "The token was made for another purpose.",
    Reason.TOKEN_SIGNATURE: "The token is signed with another secret, or was changed.",
    Reason.TOKEN_LIFETIME: "A token that is valid for long is worth stealing.",
    Reason.TOKEN_EXPIRED: "The token was valid, but its time is over.",
    Reason.TOKEN_NOT_YET_VALID: "The token becomes valid only later.",
    Reason.TOKEN_ISSUER: "The token names an issuer other than our shop.",
    Reason.TOKEN_AUDIENCE: "The token is for another endpoint. It may have been stolen there.",
    Reason.TOKEN_PAYLOAD_HASH: "The token is for another body.",
    Reason.TOKEN_MESSAGE_ID: "The token is for another message.",
    Reason.TOKEN_TIMESTAMP: "The token is for another attempt.",
    Reason.MALFORMED_EVENT: (
        "The request is from the shop, but the event does not follow the contract."
    ),
    Reason.CONFLICTING_BODY: (
        "One message cannot have two different bodies. The first one is kept."
    ),
    Reason.SIMULATED_FAULT: "A fault is set, so this request failed on purpose.",
}


def event_name(event_type: str | None) -> str:
    """Return the name of a receipt's event: its type, if the body was read."""
    return event_type or "Unread request"


def step_label(name: str) -> str:
    """Return for example ``Required headers`` for the stored name ``headers``."""
    return STEP_LABELS[StepName(name)]


FAULT_SENTENCES = {
    FaultMode.NONE: "responses are normal.",
    FaultMode.STATUS: "every webhook gets a {status} response{header}.",
    FaultMode.SLOW: "every webhook is booked at once, and its response is {seconds} s late.",
    FaultMode.NEVER: "no webhook gets a response; the sender waits until it times out.",
    FaultMode.DROP: "every connection is closed without a response.",
    FaultMode.ACCEPT_THEN_500: "every webhook is booked, but gets a 500 response.",
    FaultMode.RANDOM: "{percent} % of the webhooks, at random, get a {status} response.",
    FaultMode.SCRIPT: "the next webhook {meets}: word {place} of {places} of the script.",
}

FAULT_ACTION_LABELS = {
    FaultActionKind.STATUS: "gets a {status} response{header}",
    FaultActionKind.SLOW: "gets its response {seconds} s late",
    FaultActionKind.TIMEOUT: "gets no response",
    FaultActionKind.DROP: "has its connection closed",
    FaultActionKind.ACCEPT_THEN_500: "is booked, but gets a 500 response",
    FaultActionKind.CRASH_WORKER: "is booked, and then the shop’s worker is killed",
}

FAULT_CHIPS = {
    FaultMode.NONE: "normal",
    FaultMode.STATUS: "{status} on purpose",
    FaultMode.SLOW: "{seconds} s late",
    FaultMode.NEVER: "none",
    FaultMode.DROP: "connection closed",
    FaultMode.ACCEPT_THEN_500: "500 after booking",
    FaultMode.RANDOM: "{status} for {percent} %",
    FaultMode.SCRIPT: "by a script",
}


FAULT_LABELS = {
    FaultActionKind.STATUS: "Retry-After {retry_after} s",
    FaultActionKind.SLOW: "{seconds} s late",
    FaultActionKind.TIMEOUT: "timeout on purpose",
    FaultActionKind.DROP: "connection closed",
    FaultActionKind.ACCEPT_THEN_500: "500 after booking",
    FaultActionKind.CRASH_WORKER: "worker killed",
}


def fault_sentence(fault: Fault) -> str:
    """Return the text that follows "Failing on purpose:" in the banner."""
    return FAULT_SENTENCES[fault.mode].format(**_facts(fault))


def crash_sentence() -> str:
    """Return the same text while a crash of the worker is armed."""
    return f"the next purchase {FAULT_ACTION_LABELS[FaultActionKind.CRASH_WORKER]}."


def fault_chip(fault: Fault) -> str:
    """Return the two or three words that follow "Responses:"."""
    mode = fault.mode if fault.is_active else FaultMode.NONE
    return FAULT_CHIPS[mode].format(**_facts(fault))


def fault_label(word: str) -> str:
    """Return what a fault did to a response.

    ``word``: the fault as a receipt records it, such as ``slow:3``.
    """
    action = parse_recorded_word(word)
    return FAULT_LABELS[action.kind].format(**asdict(action)) if action else ""


def _facts(fault: Fault) -> dict[str, object]:
    action = fault.action
    sequence = {
        "meets": _action_label(action),
        "place": fault.used + 1,
        "places": len(fault.script_words),
    }
    return fault.document() | sequence | {"header": _header(action)}


def _action_label(action: FaultAction | None) -> str:
    if action is None:
        return "gets a normal response"
    facts = {"status": action.status, "seconds": action.seconds, "header": _header(action)}
    return FAULT_ACTION_LABELS[action.kind].format(**facts)


def _header(action: FaultAction | None) -> str:
    if action is None or action.status is None:
        return ""
    if action.retry_after is not None:
        return f", with Retry-After: {action.retry_after}"
    is_redirect = action.status < HTTPStatus.BAD_REQUEST
    return f", with Location: {action.location or DEFAULT_LOCATION}" if is_redirect else ""
