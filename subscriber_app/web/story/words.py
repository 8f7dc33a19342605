"""A story's happenings, for people. Called by ``pages``; ``drawing`` gives each line its place."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from subscriber_app.explaining.trace import Kind, Story, TraceEvent
from subscriber_app.vocabulary import EventType, Reason, Result
from subscriber_app.web.state_labels import state_label

# What became of the order; the shop's lane begins with it.
BEGINNINGS: dict[str, str] = {
    EventType.PURCHASE_CREATED: "Order placed",
    EventType.PURCHASE_SHIPPED: "Order shipped",
    EventType.PURCHASE_REFUNDED: "Order refunded",
    EventType.WEBHOOK_PING: "Ping asked for",
}

Words = tuple[str, str, str]  # title, detail, tone


@dataclass(frozen=True, slots=True)
class Line:
    """One happening in words. ``elapsed``: since the story began, as ``+12 ms``.

    ``results``: of the verification's steps, for a row of marks. ``address``: of the page that
    tells more, or "".
    """

    happening: TraceEvent
    elapsed: str
    title: str
    detail: str
    tone: str
    address: str = ""
    results: tuple[Result, ...] = ()

    @property
    def is_awaited(self) -> bool:
        """Whether it is still to come, and counted down to."""
        return self.happening.kind is Kind.NEXT_TRY


def lines_of(story: Story, *, shop_url: str) -> list[Line]:
    """One line for each happening, in their order."""
    return [_line(story, happening, shop_url) for happening in story.happenings]


def elapsed_words(elapsed: timedelta) -> str:
    """For example ``+2,031 ms``: the shop tells no more than milliseconds."""
    return f"{round(elapsed / timedelta(milliseconds=1)):+,} ms"


def _line(story: Story, happening: TraceEvent, shop_url: str) -> Line:
    words = _WORDS[happening.kind]
    title, detail, tone = words(story, happening) if callable(words) else words
    request, delivery = happening.request, story.delivery
    if happening.kind.lane == "subscriber" and request:
        address = f"/receipts/{request.receipt_id}"
    else:
        address = f"{shop_url}/deliveries/{delivery.id}" if delivery else ""
    return Line(
        happening,
        elapsed_words(happening.at - story.began_at),
        title,
        detail,
        tone,
        address,
        tuple(request.results) if request and happening.kind is Kind.VERIFIED else (),
    )


def _ordered(story: Story, _happening: TraceEvent) -> Words:
    event_type = story.delivery.event_type if story.delivery else ""
    order_id = story.delivery.order_id if story.delivery else None
    title = BEGINNINGS.get(event_type, "Event")
    return (title, f"order …{order_id[-8:]}" if order_id else event_type, "muted")


def _sent(_story: Story, happening: TraceEvent) -> Words:
    attempt = happening.attempt
    if attempt is None:
        raise AssertionError("what was sent is an attempt")
    if attempt.trigger == "manual":
        detail = "by hand"
    elif attempt.trigger == "reconnect":
        detail = "on a fresh connection"
    else:
        detail = "" if attempt.enqueued_at else "found in the database"
    return (f"Attempt {attempt.number} sent", detail, "busy")


def _received(story: Story, happening: TraceEvent) -> Words:
    if story.is_foreign(happening):
        return ("Request received", "not sent by the shop", "bad")
    return ("Request received", "", "muted")


def _verified(_story: Story, happening: TraceEvent) -> Words:
    request = happening.request
    if request is None:
        raise AssertionError("what was verified is a request")
    if request.reason is Reason.SIMULATED_FAULT:
        return ("Failed on purpose", request.fault or "", "bad")
    counts = Counter(request.results)
    detail = ", ".join(
        f"{counts[result]} {state_label(result).word}" for result in Result if counts[result]
    )
    title = f"Refused: {request.reason}" if request.reason else f"Verified: {request.verdict}"
    return (title, detail, state_label(request.verdict).tone)


def _booked(_story: Story, happening: TraceEvent) -> Words:
    cents = happening.request.value_cents if happening.request else None
    if cents is None:
        return ("Noted", "nothing to book", "good")
    sign = "−" if cents < 0 else ""
    return (f"Booked {sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}", "", "good")


def _answered(_story: Story, happening: TraceEvent) -> Words:
    attempt, request = happening.attempt, happening.request
    if attempt is None:
        raise AssertionError("what was answered is an attempt")
    took = f"after {attempt.duration_ms:,} ms"
    if attempt.response is None:
        return (attempt.error or "no answer", took, "bad")
    is_success = 200 <= attempt.response.status < 300  # noqa: PLR2004 – 2xx, as the shop reads it
    known = "" if request else ", no receipt of it here"
    return (f"Answer {attempt.response.status}", took + known, "good" if is_success else "bad")


# What is told by a function depends on the story; the rest is always the same.
_WORDS: dict[Kind, Words | Callable[[Story, TraceEvent], Words]] = {
    Kind.ORDERED: _ordered,
    Kind.STORED: ("Message and delivery stored", "in the same commit", "muted"),
    Kind.ENQUEUED: ("Worker woken", "through Redis", "muted"),
    Kind.SENT: _sent,
    Kind.RECEIVED: _received,
    Kind.VERIFIED: _verified,
    Kind.BOOKED: _booked,
    Kind.ANSWERED: _answered,
    Kind.UNDER_WAY: ("An attempt is on its way", "", "busy"),
    Kind.NEXT_TRY: ("Next try", "", "waiting"),
    Kind.GIVEN_UP: ("Given up", "no try is left", "bad"),
    Kind.CANCELLED: ("Cancelled", "by a person", "muted"),
}
