"""The trace of one message across both applications: who did what, and when. Pure.

The shop's delivery and our receipts become one list of events, in which each attempt of the shop
is paired with the request that we received.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from subscriber_app.faults.actions import FaultActionKind
from subscriber_app.shop_api.delivery_log import ShopAttempt, ShopDelivery
from subscriber_app.vocabulary import Reason, Result, Verdict

# The shop rounds to milliseconds: a smaller difference between the clocks may be rounding.
MIN_CLOCK_OFFSET = timedelta(milliseconds=5)


class Lane(StrEnum):
    """Where something happens."""

    SHOP = "shop"
    SUBSCRIBER = "subscriber"


class Kind(StrEnum):
    """What happens. Members are in causal order, which sorts events of the same time."""

    ORDERED = "ordered"
    STORED = "stored"  # message and delivery, in the order's transaction
    ENQUEUED = "enqueued"
    SENT = "sent"
    RECEIVED = "received"
    VERIFIED = "verified"
    BOOKED = "booked"
    ANSWERED = "answered"  # the attempt has ended, with a response or without
    IN_PROGRESS = "in_progress"  # an attempt that has not ended
    NEXT_ATTEMPT = "next_attempt"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"

    @property
    def lane(self) -> Lane:
        """Return the side on which it happens."""
        ours = (Kind.RECEIVED, Kind.VERIFIED, Kind.BOOKED)
        return Lane.SUBSCRIBER if self in ours else Lane.SHOP


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """The fields of a receipt that a trace needs.

    ``key``: from ``request_key``. ``booked_at``: None if nothing was booked. ``results``: one for
    each verification step.
    """

    receipt_id: str
    key: tuple[str, str]
    received_at: datetime
    verified_at: datetime
    booked_at: datetime | None
    verdict: Verdict
    reason: Reason | None
    status: int | None
    value_cents: int | None
    results: Sequence[Result]
    fault: str | None = None

    @property
    def ended_at(self) -> datetime:
        """Return the time of the last recorded event of this request."""
        return self.booked_at or self.verified_at

    @property
    def has_killed_its_sender(self) -> bool:
        """Return whether the worker was killed that has sent it: so the shop has no record."""
        return self.fault == FaultActionKind.CRASH_WORKER


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One event of the trace, with the attempt and the request that it belongs to.

    A request without an attempt was not sent by the shop, or the shop is unreachable. An attempt
    without a request has not arrived here.
    """

    kind: Kind
    at: datetime
    attempt: ShopAttempt | None = None
    request: ReceivedRequest | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Events in order. ``delivery``: None if the shop did not provide one.

    ``clock_offset``: how far our clock is behind the shop's, at least. Our times are shifted by it,
    because a request cannot be received before it was sent.
    """

    events: Sequence[TraceEvent]
    delivery: ShopDelivery | None
    clock_offset: timedelta

    @property
    def started_at(self) -> datetime:
        """Return the time of the first event, from which elapsed times are counted."""
        return self.events[0].at

    def is_foreign(self, event: TraceEvent) -> bool:
        """Return whether this is a request that the shop has not sent, by its own records."""
        if self.delivery is None or event.request is None or event.attempt:
            return False
        if event.request.has_killed_its_sender:
            return False
        # The shop records an attempt when it ends: an open one may have sent this request.
        is_open = self.delivery.state == "sending"
        last_over = max(map(_ended_at, self.delivery.attempts), default=self.delivery.created_at)
        return not (is_open and event.request.received_at >= last_over)

    @property
    def clocks_differ(self) -> bool:
        """Return whether the clocks differ by more than rounding explains."""
        return abs(self.clock_offset) >= MIN_CLOCK_OFFSET


def request_key(timestamp: str | None, signature: str | None) -> tuple[str, str]:
    """Return what distinguishes the requests of one message; a copied request has the same key."""
    return (timestamp or "", signature or "")


def build_trace(
    delivery: ShopDelivery | None, received: Iterable[ReceivedRequest], *, now: datetime
) -> Trace:
    """Merge the shop's delivery and our requests. ``now``: the time of what has not ended yet."""
    attempts = delivery.attempts if delivery else []
    requests = sorted(received, key=lambda request: request.received_at)
    pairs = _paired(attempts, requests)
    offset = _clock_offset(pairs)
    shifted = {request.receipt_id: _shifted(request, offset) for request in requests}
    events: list[TraceEvent] = []
    if delivery:
        events += _first_events(delivery) + _last_events(delivery, now)
    for attempt, request in pairs:
        events += _attempt_events(attempt, shifted[request.receipt_id] if request else None)
    known = {request.receipt_id for _, request in pairs if request}
    for request in requests:
        if request.receipt_id not in known:
            events += _request_events(shifted[request.receipt_id], None)
    return Trace(sorted(events, key=_sort_key), delivery, offset)


Pair = tuple[ShopAttempt, ReceivedRequest | None]


def _paired(attempts: Sequence[ShopAttempt], requests: Sequence[ReceivedRequest]) -> list[Pair]:
    """Pair each attempt with its request, by the receipt id in our response or else by the key."""
    unpaired = {request.receipt_id: request for request in requests}
    named = {
        attempt.number: unpaired.pop(attempt.response.receipt_id)
        for attempt in attempts
        if attempt.response and attempt.response.receipt_id in unpaired
    }
    pairs: list[Pair] = []
    for attempt in attempts:
        request = named.get(attempt.number)
        if request is None:
            key = request_key(
                attempt.request.header("webhook-timestamp"),
                attempt.request.header("webhook-signature"),
            )
            request = next((each for each in unpaired.values() if each.key == key), None)
            if request:
                del unpaired[request.receipt_id]
        pairs.append((attempt, request))
    return pairs


def _clock_offset(pairs: Sequence[Pair]) -> timedelta:
    """Return the smallest shift that puts each request between its attempt's start and end."""
    both = [(attempt, request) for attempt, request in pairs if request]
    if not both:
        return timedelta()
    least = max(attempt.started_at - request.received_at for attempt, request in both)
    most = min(_ended_at(attempt) - request.received_at for attempt, request in both)
    if least > timedelta():
        return least
    return min(most, timedelta())


def _shifted(request: ReceivedRequest, offset: timedelta) -> ReceivedRequest:
    return replace(
        request,
        received_at=request.received_at + offset,
        verified_at=request.verified_at + offset,
        booked_at=request.booked_at + offset if request.booked_at else None,
    )


def _first_events(delivery: ShopDelivery) -> list[TraceEvent]:
    return [TraceEvent(kind, delivery.created_at) for kind in (Kind.ORDERED, Kind.STORED)]


def _last_events(delivery: ShopDelivery, now: datetime) -> list[TraceEvent]:
    """Return what is still open, or how the delivery ended if it did not succeed."""
    match delivery.state:
        case "sending":
            return [TraceEvent(Kind.IN_PROGRESS, now)]
        case "pending":
            return [TraceEvent(Kind.NEXT_ATTEMPT, delivery.next_attempt_at or now)]
        case "failed":
            return [TraceEvent(Kind.GIVEN_UP, _completed_at(delivery, now))]
        case "cancelled":
            return [TraceEvent(Kind.CANCELLED, _completed_at(delivery, now))]
    return []


def _completed_at(delivery: ShopDelivery, now: datetime) -> datetime:
    """Return when the delivery ended, never before its last attempt, despite rounding."""
    return max([delivery.completed_at or now, *map(_ended_at, delivery.attempts)])


def _attempt_events(attempt: ShopAttempt, request: ReceivedRequest | None) -> list[TraceEvent]:
    # The shop takes `started_at` before it signs and measures the duration from after that, so
    # the sum of both is a little too early.
    over_at = max(_ended_at(attempt), request.ended_at) if request else _ended_at(attempt)
    events = [
        TraceEvent(Kind.SENT, attempt.started_at, attempt, request),
        TraceEvent(Kind.ANSWERED, over_at, attempt, request),
    ]
    if attempt.enqueued_at:
        events.append(TraceEvent(Kind.ENQUEUED, attempt.enqueued_at, attempt))
    return events + (_request_events(request, attempt) if request else [])


def _request_events(request: ReceivedRequest, attempt: ShopAttempt | None) -> list[TraceEvent]:
    events = [
        TraceEvent(Kind.RECEIVED, request.received_at, attempt, request),
        TraceEvent(Kind.VERIFIED, request.verified_at, attempt, request),
    ]
    if request.booked_at:
        events.append(TraceEvent(Kind.BOOKED, request.booked_at, attempt, request))
    return events


def _ended_at(attempt: ShopAttempt) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


_RANKS = {kind: rank for rank, kind in enumerate(Kind)}


def _sort_key(event: TraceEvent) -> tuple[bool, datetime, int]:
    """Sort by time, then by causal order; what is still to come is last, even if overdue."""
    is_awaited = event.kind in (Kind.IN_PROGRESS, Kind.NEXT_ATTEMPT)
    return (is_awaited, event.at, _RANKS[event.kind])
