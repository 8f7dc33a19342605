"""The icon, tone and label of each state on the subscriber's pages."""

from collections.abc import Mapping

from hookshop.webkit.state_labels import StateLabel
from subscriber_app.vocabulary import Result, Verdict

STATE_LABELS: Mapping[str, StateLabel] = {
    # A receipt
    Verdict.ACCEPTED: StateLabel("accepted", "check", "good"),
    Verdict.DUPLICATE: StateLabel("duplicate", "twice", "busy"),
    Verdict.IGNORED: StateLabel("ignored", "dash", "muted"),
    Verdict.REJECTED: StateLabel("rejected", "cross", "bad"),
    # A step of a verification
    Result.PASSED: StateLabel("passed", "check", "good"),
    Result.FAILED: StateLabel("failed", "cross", "bad"),
    Result.SKIPPED: StateLabel("skipped", "dash", "muted"),
    Result.NOT_REACHED: StateLabel("not reached", "ring", "muted"),
    # A purchase
    "bought": StateLabel("bought", "check", "good"),
    "awaited": StateLabel("purchase pending", "clock", "waiting"),
    "shipped": StateLabel("shipped", "arrow", "good"),
    "refunded": StateLabel("refunded", "back", "muted"),
    "overtaken": StateLabel("out of order", "twice", "waiting"),
    # A delivery or our endpoint at the shop
    "pending": StateLabel("pending", "clock", "waiting"),
    "sending": StateLabel("sending", "arrow", "busy"),
    "succeeded": StateLabel("succeeded", "check", "good"),
    "cancelled": StateLabel("cancelled", "dash", "muted"),
    "active": StateLabel("active", "check", "good"),
    "paused": StateLabel("paused", "pause", "waiting"),
    "disabled": StateLabel("disabled", "cross", "bad"),
}


def state_label(state: str) -> StateLabel:
    """Return the label of a state. An unknown state, from a newer shop, is shown by its name."""
    return STATE_LABELS.get(state) or StateLabel(state, "ring", "muted")
