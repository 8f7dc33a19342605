"""The texts that pages show for steps, reasons and faults."""

from http import HTTPStatus

from subscriber_app.faults import Fault, FaultAction, FaultActionKind, FaultMode
from subscriber_app.faults.actions import DEFAULT_LOCATION
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
    Reason.TOO_LARGE: "No webhook of the shop is that large.",
    Reason.INCOMPLETE: "The connection broke while the body was coming in.",
    Reason.BODY_TIMEOUT: "Whoever sends that slowly, or without end, is not waited for.",
    Reason.UNSUPPORTED_CONTENT_TYPE: "Only JSON is read here.",
    Reason.UNSUPPORTED_CONTENT_ENCODING: "What is signed are the bytes as they are sent.",
    Reason.DUPLICATE_HEADER: "Two values for one header: one might be checked, and the other used.",
    Reason.MISSING_HEADER: "Without it nothing can be checked.",
    Reason.NO_CREDENTIAL: "Anybody could have sent this: nothing in it proves where it is from.",
    Reason.MALFORMED_ID: "The id is part of what is signed, so its form is strict.",
    Reason.MALFORMED_TIMESTAMP: "The timestamp is part of what is signed, so its form is strict.",
    Reason.TIMESTAMP_TOO_OLD: "A genuine request, recorded and sent again later, looks like this.",
    Reason.TIMESTAMP_TOO_NEW: "Its clock is ahead of ours, or the timestamp was made up.",
    Reason.NOT_SUBSCRIBED: "There is no secret yet, or no longer, to check with.",
    Reason.SIGNATURE_MISMATCH: (
        "Made with another secret, or for other bytes than these: the body, the id or the "
        "timestamp was changed on the way."
    ),
    Reason.MALFORMED_TOKEN: "What stands in authorization is not a token of the shop's.",
    Reason.TOKEN_ALGORITHM: "A token that chooses how it is checked could choose not to be.",
    Reason.TOKEN_TYPE: "It was made for some other purpose.",
    Reason.TOKEN_SIGNATURE: "Made with another secret, or changed afterwards.",
    Reason.TOKEN_LIFETIME: "A token that lives too long is one that can be stolen and used.",
    Reason.TOKEN_EXPIRED: "It was good once.",
    Reason.TOKEN_NOT_YET_VALID: "It says itself that it is not valid yet.",
    Reason.TOKEN_ISSUER: "It names another issuer than our shop.",
    Reason.TOKEN_AUDIENCE: "It was made for another endpoint, and may have been stolen there.",
    Reason.TOKEN_PAYLOAD_HASH: "It was made for another body.",
    Reason.TOKEN_MESSAGE_ID: "It was made for another message.",
    Reason.TOKEN_TIMESTAMP: "It was made for another attempt.",
    Reason.MALFORMED_EVENT: "It is from the shop, but not what the contract says an event is.",
    Reason.CONFLICTING_BODY: "The same message cannot say two things; the first one counts.",
    Reason.SIMULATED_FAULT: "Set to fail on purpose, so that retries can be watched.",
}


def step_label(name: str) -> str:
    """Return for example ``Required headers`` for the stored name ``headers``."""
    return STEP_LABELS[StepName(name)]


FAULT_SENTENCES = {
    FaultMode.NONE: "every webhook is treated as it should be.",
    FaultMode.STATUS: "every webhook is answered {status}{header}.",
    FaultMode.SLOW: "every webhook is booked at once, and answered {seconds} s late.",
    FaultMode.NEVER: "no webhook is answered; the sender waits until it gives up.",
    FaultMode.DROP: "every connection is closed without an answer.",
    FaultMode.ACCEPT_THEN_500: "every webhook is booked, and answered 500 all the same.",
    FaultMode.RANDOM: "{percent} % of the webhooks, picked by chance, are answered {status}.",
    FaultMode.SCRIPT: "the next webhook {meets}: place {place} of {places} of a script.",
}

FAULT_ACTION_LABELS = {
    FaultActionKind.STATUS: "is answered {status}{header}",
    FaultActionKind.SLOW: "is answered {seconds} s late",
    FaultActionKind.TIMEOUT: "is not answered",
    FaultActionKind.DROP: "has its connection closed",
    FaultActionKind.ACCEPT_THEN_500: "is booked, and answered 500",
}

FAULT_CHIPS = {
    FaultMode.NONE: "as they should be",
    FaultMode.STATUS: "{status} on purpose",
    FaultMode.SLOW: "{seconds} s late",
    FaultMode.NEVER: "never",
    FaultMode.DROP: "connection closed",
    FaultMode.ACCEPT_THEN_500: "booked, then 500",
    FaultMode.RANDOM: "{percent} % with {status}",
    FaultMode.SCRIPT: "by a script",
}


def fault_sentence(fault: Fault) -> str:
    """Return the text that follows "Failing on purpose:" in the banner."""
    return FAULT_SENTENCES[fault.mode].format(**_facts(fault))


def fault_chip(fault: Fault) -> str:
    """Return the two or three words that follow "Answers to webhooks"."""
    mode = fault.mode if fault.is_active else FaultMode.NONE
    return FAULT_CHIPS[mode].format(**_facts(fault))


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
        return "is treated as it should be"
    facts = {"status": action.status, "seconds": action.seconds, "header": _header(action)}
    return FAULT_ACTION_LABELS[action.kind].format(**facts)


def _header(action: FaultAction | None) -> str:
    if action is None or action.status is None:
        return ""
    if action.retry_after is not None:
        return f", with Retry-After: {action.retry_after}"
    is_redirect = action.status < HTTPStatus.BAD_REQUEST
    return f", with Location: {action.location or DEFAULT_LOCATION}" if is_redirect else ""
