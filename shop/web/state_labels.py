"""The labels of all states in the shop, for templates and scripts.

A key is the value of a state in ``shop.vocabulary``, or a name that only pages use.
"""

from collections.abc import Mapping

from hookshop.webkit.state_labels import StateLabel
from shop.vocabulary import DeliveryState, EndpointStatus

STATE_LABELS: Mapping[str, StateLabel] = {
    # A delivery or an attempt
    DeliveryState.PENDING: StateLabel("pending", "clock", "waiting"),
    DeliveryState.SENDING: StateLabel("sending", "arrow", "busy"),
    DeliveryState.SUCCEEDED: StateLabel("succeeded", "check", "good"),
    DeliveryState.FAILED: StateLabel("failed", "cross", "bad"),
    DeliveryState.CANCELLED: StateLabel("cancelled", "dash", "muted"),
    "due": StateLabel("due", "ring", "busy"),
    "rejected": StateLabel("rejected", "back", "bad"),
    "planned": StateLabel("planned", "ring", "muted"),
    # An endpoint, and other reasons why it holds back deliveries
    EndpointStatus.ACTIVE: StateLabel("active", "check", "good"),
    EndpointStatus.PAUSED: StateLabel("paused", "pause", "waiting"),
    EndpointStatus.DISABLED: StateLabel("disabled", "cross", "bad"),
    "deleted": StateLabel("deleted", "dash", "muted"),
    "breaker": StateLabel("circuit breaker open", "gap", "bad"),
    "retry-after": StateLabel("Retry-After", "pause", "waiting"),
    "retrying": StateLabel("retrying", "back", "waiting"),
    # An order
    "placed": StateLabel("placed", "check", "muted"),
    "shipped": StateLabel("shipped", "check", "good"),
    "refunded": StateLabel("refunded", "back", "muted"),
    "no-subscribers": StateLabel("no subscribers", "dash", "muted"),
    # A part of the flow
    "endpoints": StateLabel("endpoints", "twice", "muted"),
    "well": StateLabel("", "check", "good"),
    "backlog": StateLabel("backlog", "clock", "waiting"),
    "down": StateLabel("down", "cross", "bad"),
    "stuck": StateLabel("stuck", "cross", "bad"),
    "delayed": StateLabel("delayed", "clock", "waiting"),
}

# The order in bars with a part for each state: succeeded first, failed last.
BAR_ORDER = (
    DeliveryState.SUCCEEDED,
    DeliveryState.SENDING,
    DeliveryState.PENDING,
    DeliveryState.CANCELLED,
    DeliveryState.FAILED,
)


def state_label(state: str) -> StateLabel:
    """Return the label of a state. Raise ``KeyError`` if it has none."""
    return STATE_LABELS[state]
