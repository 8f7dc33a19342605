"""The lines that a page shows for the events of a trace."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hookshop.webkit.durations import duration, signed_duration
from subscriber_app.explaining.trace import Kind, Trace, TraceEvent
from subscriber_app.vocabulary import EventType, Reason, Result
from subscriber_app.web.state_labels import state_label

# What happened to the order: the first line of the shop's lane.
ORDER_TITLES: dict[str, str] = {
    EventType.PURCHASE_CREATED: "Order placed",
    EventType.PURCHASE_SHIPPED: "Order shipped",
    EventType.PURCHASE_REFUNDED: "Order refunded",
    EventType.WEBHOOK_PING: "Test event requested",
}

LabelParts = tuple[str, str, str]  # title, detail, tone


@dataclass(frozen=True, slots=True)
class Line:
    """One event, as text. ``elapsed``: time since the first event, such as ``+12 ms``.

    ``address``: URL of the page with details, or "". ``results``: one for each verification step,
    shown as a row of marks.
    """

    event: TraceEvent
    elapsed: str
    title: str
    detail: str
    tone: str
    address: str = ""
    results: tuple[Result, ...] = ()

    @property
    def is_awaited(self) -> bool:
        """Return whether the event is still to come; the page shows a countdown to it."""
        return self.event.kind is Kind.NEXT_ATTEMPT


def trace_lines(trace: Trace, *, shop_url: str) -> list[Line]:
    """Return one line for each event, in the same order."""
    return [_line(trace, event, shop_url) for event in trace.events]


def elapsed_label(elapsed: timedelta) -> str:
    """Return for example ``+31 ms`` or ``+55.6 s``; the shop's times have whole milliseconds."""
    return signed_duration(round(elapsed / timedelta(milliseconds=1)))


def duration_label(passed: timedelta) -> str:
    """Return a wait as text, such as ``3.2 s``, ``90.0 s`` or ``30 min``: never in milliseconds."""
    if passed < timedelta(seconds=10):
        return f"{passed.total_seconds():.1f} s"
    return duration(passed / timedelta(milliseconds=1))


def _line(trace: Trace, event: TraceEvent, shop_url: str) -> Line:
    parts = _LABELS[event.kind]
    title, detail, tone = parts(trace, event) if callable(parts) else parts
    request, delivery = event.request, trace.delivery
    if event.kind.lane == "subscriber" and request:
        address = f"/receipts/{request.receipt_id}"
    else:
        address = f"{shop_url}/deliveries/{delivery.id}" if delivery else ""
    return Line(
        event,
        elapsed_label(event.at - trace.started_at),
        title,
        detail,
        tone,
        address,
        tuple(request.results) if request and event.kind is Kind.VERIFIED else (),
    )


def _ordered(trace: Trace, _event: TraceEvent) -> LabelParts:
    event_type = trace.delivery.event_type if trace.delivery else ""
    order_id = trace.delivery.order_id if trace.delivery else None
    title = ORDER_TITLES.get(event_type, "Event")
    return (title, f"order …{order_id[-8:]}" if order_id else event_type, "muted")


def _sent(_trace: Trace, event: TraceEvent) -> LabelParts:
    attempt = event.attempt
    if attempt is None:
        raise AssertionError("what was sent is an attempt")
    if attempt.trigger == "manual":
        detail = "resent by a person"
    elif attempt.trigger == "reconnect":
        detail = "on a new connection"
    else:
        detail = "" if attempt.enqueued_at else "found by polling the database"
    if attempt.skipped_seconds:
        skipped = f"skipped {duration_label(timedelta(seconds=attempt.skipped_seconds))}"
        detail = f"{skipped} · {detail}" if detail else skipped
    return (f"Attempt {attempt.number} sent", detail, "busy")


def _received(trace: Trace, event: TraceEvent) -> LabelParts:
    if trace.is_foreign(event):
        return ("Request received", "not from the shop", "bad")
    if event.request and event.request.has_killed_its_sender:
        return ("Request received", "sent by a worker that was killed", "bad")
    return ("Request received", "", "muted")


def _verified(_trace: Trace, event: TraceEvent) -> LabelParts:
    request = event.request
    if request is None:
        raise AssertionError("what was verified is a request")
    if request.reason is Reason.SIMULATED_FAULT:
        return ("Failed on purpose", request.fault or "", "bad")
    counts = Counter(request.results)
    detail = ", ".join(
        f"{counts[result]} {state_label(result).word}" for result in Result if counts[result]
    )
    title = f"Rejected: {request.reason}" if request.reason else f"Verified: {request.verdict}"
    return (title, detail, state_label(request.verdict).tone)


def _booked(_trace: Trace, event: TraceEvent) -> LabelParts:
    cents = event.request.value_cents if event.request else None
    if cents is None:
        return ("Recorded", "no money in this event", "good")
    sign = "−" if cents < 0 else ""
    return (f"Booked {sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}", "", "good")


def _answered(_trace: Trace, event: TraceEvent) -> LabelParts:
    attempt, request = event.attempt, event.request
    if attempt is None:
        raise AssertionError("what was answered is an attempt")
    took = f"after {duration(attempt.duration_ms)}"
    if attempt.response is None:
        return (attempt.error or "no response", took, "bad")
    is_success = 200 <= attempt.response.status < 300  # noqa: PLR2004 – 2xx, as the shop reads it
    known = "" if request else ", its receipt was deleted"
    return (f"Response {attempt.response.status}", took + known, "good" if is_success else "bad")


# A function where the texts depend on the trace.
_LABELS: dict[Kind, LabelParts | Callable[[Trace, TraceEvent], LabelParts]] = {
    Kind.ORDERED: _ordered,
    Kind.STORED: ("Message and delivery stored", "in one transaction", "muted"),
    Kind.ENQUEUED: ("Worker notified", "through Redis", "muted"),
    Kind.SENT: _sent,
    Kind.RECEIVED: _received,
    Kind.VERIFIED: _verified,
    Kind.BOOKED: _booked,
    Kind.ANSWERED: _answered,
    Kind.IN_PROGRESS: ("Attempt in progress", "", "busy"),
    Kind.NEXT_ATTEMPT: ("Next attempt", "", "waiting"),
    Kind.GIVEN_UP: ("Delivery failed", "no retries left", "bad"),
    Kind.CANCELLED: ("Cancelled", "by a person", "muted"),
}
