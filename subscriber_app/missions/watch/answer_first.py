"""Mission 10: answer first, work later."""

from collections.abc import Iterator
from datetime import datetime

from subscriber_app.missions.facts import (
    AttemptFact,
    BookingFact,
    DeliveryFact,
    Evidence,
    Facts,
    Kind,
)
from subscriber_app.missions.links import DELIVERY, RESPOND_NORMALLY, SHOP
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    fault_to_set,
    judgment,
)

RESPONSE_TIMEOUT = "response_timeout"
RESPONSES = 5
MAX_SECONDS = 1.0


def judge(facts: Facts) -> Judgment:
    """Prove a time-out whose message was booked all the same, then five quick responses."""
    timed_out = list(_timed_out(facts))
    booked = [each for each in timed_out if _booking(facts, each[0])]
    delivery, attempt = next(iter([*booked, *timed_out]), (None, None))
    evidence = []
    if delivery and attempt:
        evidence = [
            Evidence("timeout", Kind.ATTEMPT, delivery.id, attempt.ended_at),
            Evidence("waited", Kind.VALUE, f"{attempt.seconds:.1f} s"),
        ]
    evidence = list(facts.seen.get("timed_out", ())) or evidence
    return judgment(
        facts,
        Part(
            "timed_out",
            "The shop gives up before the response comes",
            evidence,
            "no attempt has timed out; "
            + fault_to_set(facts, "the fault “Late response” to 12 seconds"),
        ),
        _booked_all_the_same(facts, delivery),
        _quick(facts, evidence[0].at if evidence else None),
    )


def _timed_out(facts: Facts) -> Iterator[tuple[DeliveryFact, AttemptFact]]:
    for delivery in facts.deliveries:
        for attempt in delivery.attempts:
            if attempt.error == RESPONSE_TIMEOUT:
                yield delivery, attempt


def _booking(facts: Facts, delivery: DeliveryFact) -> BookingFact | None:
    return next(iter(facts.bookings_of(delivery.message_id)), None)


def _booked_all_the_same(facts: Facts, delivery: DeliveryFact | None) -> Part:
    label = "Its message is booked all the same"
    if delivery is None:
        return Part("booked", label, (), "no attempt has timed out yet")
    booking = _booking(facts, delivery)
    if booking is None:
        missing = "the message was not booked; use “Late response”, which verifies and books first"
        return Part("booked", label, (), missing)
    evidence = [
        Evidence("booked", Kind.RECEIPT, booking.receipt_id),
        Evidence("message", Kind.MESSAGE, booking.message_id),
    ]
    return Part("booked", label, evidence, "")


def _quick(facts: Facts, since: datetime | None) -> Part:
    label = f"{RESPONSES} responses in a row come within {MAX_SECONDS:g} s"
    if since is None:
        return Part("quick", label, (), "nothing to repair yet")
    in_a_row = _quick_in_a_row(facts, since)
    if len(in_a_row) < RESPONSES:
        missing = f"{len(in_a_row)} of {RESPONSES} quick responses in a row"
        repair = "; the fault is still on: respond normally" if facts.is_fault_active else ""
        return Part("quick", label, (), missing + repair)
    slowest = max(attempt.seconds for attempt, _ in in_a_row)
    evidence = [
        Evidence("last", Kind.DELIVERY, in_a_row[-1][1].id, in_a_row[-1][0].ended_at),
        Evidence("slowest", Kind.VALUE, f"{slowest * 1000:.0f} ms"),
    ]
    return Part("quick", label, evidence, "")


def _quick_in_a_row(facts: Facts, since: datetime) -> list[tuple[AttemptFact, DeliveryFact]]:
    """Return the quick responses since then that no slow one interrupts, at most ``RESPONSES``."""
    later = [
        (attempt, delivery)
        for delivery in facts.deliveries
        for attempt in delivery.attempts
        if attempt.started_at >= since
    ]
    in_a_row: list[tuple[AttemptFact, DeliveryFact]] = []
    for attempt, delivery in sorted(later, key=lambda each: each[0].started_at):
        is_quick = attempt.has_succeeded and attempt.seconds < MAX_SECONDS
        in_a_row = [*in_a_row, (attempt, delivery)] if is_quick else []
        if len(in_a_row) == RESPONSES:
            break
    return in_a_row


MISSION = Mission(
    number=10,
    title="Answer first, work later",
    goal="Let a receiver work for longer than the sender waits, then repair it.",
    steps=(
        Step(
            "Set the fault “Late response” to 12 seconds: the subscriber books at "
            "once, but answers late, as if it sent an e-mail and printed an invoice before.",
            Link("Set a fault", App.SUBSCRIBER, "/faults?mode=slow"),
        ),
        Step(
            "Buy something in the shop. The shop waits for ten seconds, then gives up.",
            SHOP,
        ),
        Step(
            "Compare both sides: the shop says that the attempt failed, and the subscriber has "
            "booked the purchase.",
            DELIVERY,
        ),
        Step(
            "Repair the receiver: respond normally. It now answers as soon as the webhook is "
            "stored.",
            RESPOND_NORMALLY,
        ),
        Step("Place five more orders, one after the other.", SHOP),
    ),
    hints=(
        "“Late response” books the purchase, then waits. “No response” would not even verify it.",
        "The attempt fails ten seconds after the purchase. Until then, the delivery is “sending”.",
        (
            "“Respond normally” is at the top of each page of the subscriber while a fault is on. "
            "Each retry that then succeeds also counts as a quick response."
        ),
    ),
    explanation=(
        (
            "The {timeout} failed after {waited}: the response had not come. But "
            "{booked} shows that the subscriber had booked {message} long before."
        ),
        (
            "So the shop sent it again, and the subscriber recognized the [duplicate]. A receiver "
            "that is slow gets more requests, not fewer, and those make it slower still."
        ),
        (
            "Then the slowest of five responses, up to {last}, took {slowest}. A receiver should "
            "verify, store and answer, in that order, and do the slow work afterwards, from what "
            "it has stored."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.event_type == "purchase.created",
    tools=frozenset({Tool.FAULTS}),
    picture="answer_first.html",
)
