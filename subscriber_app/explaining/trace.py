"""One message across both applications: who did what, and when. Pure.

``storyteller`` hands in the shop's account of a delivery and our receipts; here they become one
list of happenings, each request paired with its receipt. ``web.story`` puts them into words and
draws them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from subscriber_app.shop_api.delivery_log import ShopAttempt, ShopDelivery
from subscriber_app.vocabulary import Reason, Result, Verdict

# The shop rounds to milliseconds; a smaller difference between the clocks cannot be told from that.
MIN_CLOCK_GAP = timedelta(milliseconds=5)


class Lane(StrEnum):
    """Where something happens."""

    SHOP = "shop"
    SUBSCRIBER = "subscriber"


class Kind(StrEnum):
    """What happens, in the order in which one leads to the next."""

    ORDERED = "ordered"
    STORED = "stored"  # message and delivery, in the order's own commit
    ENQUEUED = "enqueued"
    SENT = "sent"
    RECEIVED = "received"
    VERIFIED = "verified"
    BOOKED = "booked"
    ANSWERED = "answered"  # or not: what the shop knows of the attempt when it is over
    UNDER_WAY = "under_way"  # an attempt that is not over
    NEXT_TRY = "next_try"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"

    @property
    def lane(self) -> Lane:
        """On whose side it happens."""
        ours = (Kind.RECEIVED, Kind.VERIFIED, Kind.BOOKED)
        return Lane.SUBSCRIBER if self in ours else Lane.SHOP


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """What a story needs of a receipt. ``stamp``: see ``stamp_of``.

    ``verified_at`` and ``booked_at``: None for what did not come to pass.
    """

    receipt_id: str
    stamp: tuple[str, str]
    received_at: datetime
    verified_at: datetime
    booked_at: datetime | None
    verdict: Verdict
    reason: Reason | None
    status: int | None
    value_cents: int | None
    results: Sequence[Result]  # of each verification step
    fault: str | None = None

    @property
    def ended_at(self) -> datetime:
        """When all that is recorded of it was done."""
        return self.booked_at or self.verified_at


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One point of the story. ``attempt`` and ``request``: whichever of them it belongs to.

    A request that no attempt stands beside was not sent by the shop, or the shop is away; an
    attempt without a request has not arrived.
    """

    kind: Kind
    at: datetime
    attempt: ShopAttempt | None = None
    request: ReceivedRequest | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Happenings in order. ``delivery``: None when the shop tells nothing.

    ``clock_gap``: how far our clock is behind the shop's, as far as it can be told; our moments
    are moved by it, since nothing is received before it was sent.
    """

    happenings: Sequence[TraceEvent]
    delivery: ShopDelivery | None
    clock_gap: timedelta

    @property
    def began_at(self) -> datetime:
        """The moment from which times are counted."""
        return self.happenings[0].at

    def is_foreign(self, happening: TraceEvent) -> bool:
        """Whether a request came in that the shop, as far as it tells, has not sent."""
        if self.delivery is None or happening.request is None or happening.attempt:
            return False
        # What an attempt that is not over has brought here is not on record with the shop.
        is_open = self.delivery.state == "sending"
        last_over = max(map(_over_at, self.delivery.attempts), default=self.delivery.created_at)
        return not (is_open and happening.request.received_at >= last_over)

    @property
    def clocks_differ(self) -> bool:
        """Whether by more than rounding explains."""
        return abs(self.clock_gap) >= MIN_CLOCK_GAP


def stamp_of(timestamp: str | None, signature: str | None) -> tuple[str, str]:
    """What tells one request of a message from the others, unless it was copied."""
    return (timestamp or "", signature or "")


def tell(
    delivery: ShopDelivery | None, received: Iterable[ReceivedRequest], *, now: datetime
) -> Story:
    """Put both halves together. ``now``: for what has begun and has no end yet."""
    attempts = delivery.attempts if delivery else []
    requests = sorted(received, key=lambda request: request.received_at)
    pairs = _paired(attempts, requests)
    gap = _clock_gap(pairs)
    shifted = {request.receipt_id: _shifted(request, gap) for request in requests}
    happenings: list[TraceEvent] = []
    if delivery:
        happenings += _beginning(delivery) + _ending(delivery, now)
    for attempt, request in pairs:
        happenings += _attempt(attempt, shifted[request.receipt_id] if request else None)
    known = {request.receipt_id for _, request in pairs if request}
    for request in requests:
        if request.receipt_id not in known:
            happenings += _request(shifted[request.receipt_id], None)
    return Story(sorted(happenings, key=_place), delivery, gap)


Pair = tuple[ShopAttempt, ReceivedRequest | None]


def _paired(attempts: Sequence[ShopAttempt], requests: Sequence[ReceivedRequest]) -> list[Pair]:
    """Each attempt with the request that it was: our answer names it, or else its stamp tells."""
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
            stamp = stamp_of(
                attempt.request.header("webhook-timestamp"),
                attempt.request.header("webhook-signature"),
            )
            request = next((each for each in unpaired.values() if each.stamp == stamp), None)
            if request:
                del unpaired[request.receipt_id]
        pairs.append((attempt, request))
    return pairs


def _clock_gap(pairs: Sequence[Pair]) -> timedelta:
    """The smallest shift of our times that puts each request between its sending and its answer."""
    both = [(attempt, request) for attempt, request in pairs if request]
    if not both:
        return timedelta()
    least = max(attempt.started_at - request.received_at for attempt, request in both)
    most = min(_over_at(attempt) - request.received_at for attempt, request in both)
    if least > timedelta():
        return least
    return min(most, timedelta())


def _shifted(request: ReceivedRequest, gap: timedelta) -> ReceivedRequest:
    return replace(
        request,
        received_at=request.received_at + gap,
        verified_at=request.verified_at + gap,
        booked_at=request.booked_at + gap if request.booked_at else None,
    )


def _beginning(delivery: ShopDelivery) -> list[TraceEvent]:
    return [TraceEvent(kind, delivery.created_at) for kind in (Kind.ORDERED, Kind.STORED)]


def _ending(delivery: ShopDelivery, now: datetime) -> list[TraceEvent]:
    """What is still open, or how it ended without a success."""
    match delivery.state:
        case "sending":
            return [TraceEvent(Kind.UNDER_WAY, now)]
        case "pending":
            return [TraceEvent(Kind.NEXT_TRY, delivery.next_attempt_at or now)]
        case "failed":
            return [TraceEvent(Kind.GIVEN_UP, _completed_at(delivery, now))]
        case "cancelled":
            return [TraceEvent(Kind.CANCELLED, _completed_at(delivery, now))]
    return []


def _completed_at(delivery: ShopDelivery, now: datetime) -> datetime:
    """Not before the last attempt was over, which rounding may make it seem."""
    return max([delivery.completed_at or now, *map(_over_at, delivery.attempts)])


def _attempt(attempt: ShopAttempt, request: ReceivedRequest | None) -> list[TraceEvent]:
    # The shop's clock starts before it signs, its stopwatch after; so the sum comes out early.
    over_at = max(_over_at(attempt), request.ended_at) if request else _over_at(attempt)
    told = [
        TraceEvent(Kind.SENT, attempt.started_at, attempt, request),
        TraceEvent(Kind.ANSWERED, over_at, attempt, request),
    ]
    if attempt.enqueued_at:
        told.append(TraceEvent(Kind.ENQUEUED, attempt.enqueued_at, attempt))
    return told + (_request(request, attempt) if request else [])


def _request(request: ReceivedRequest, attempt: ShopAttempt | None) -> list[TraceEvent]:
    told = [
        TraceEvent(Kind.RECEIVED, request.received_at, attempt, request),
        TraceEvent(Kind.VERIFIED, request.verified_at, attempt, request),
    ]
    if request.booked_at:
        told.append(TraceEvent(Kind.BOOKED, request.booked_at, attempt, request))
    return told


def _over_at(attempt: ShopAttempt) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


_ORDER = {kind: place for place, kind in enumerate(Kind)}


def _place(happening: TraceEvent) -> tuple[bool, datetime, int]:
    """What is waited for comes last, even when it is overdue; else time, then cause and effect."""
    is_awaited = happening.kind in (Kind.UNDER_WAY, Kind.NEXT_TRY)
    return (is_awaited, happening.at, _ORDER[happening.kind])
