"""Build mission 14: new keys, no downtime."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import AttemptFact, DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import OWN_ENDPOINT, RECEIVER, SHOP
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Step, Track

DELIVERIES = 5
CASES = ("both-secrets-sign",)


def judge(facts: Facts) -> Judgment:
    """Prove a rotation during which each delivery was accepted."""
    both = [
        (delivery, attempt)
        for delivery in facts.deliveries
        for attempt in delivery.attempts
        if attempt.signatures > 1
    ]
    return judge_cases(facts, CASES, _rotated(both), _accepted(both))


_Signed = list[tuple[DeliveryFact, AttemptFact]]


def _rotated(both: _Signed) -> Part:
    return Part(
        "rotated",
        "The shop signs with both secrets",
        [Evidence("first", Kind.DELIVERY, both[0][0].id, both[0][1].started_at)] if both else (),
        "no delivery had two signatures; rotate the secret in the shop, then buy",
    )


def _accepted(both: _Signed) -> Part:
    label = f"{DELIVERIES} deliveries in a row are accepted meanwhile"
    refused = [n for n, (_, attempt) in enumerate(both) if not attempt.has_succeeded]
    in_a_row = both[refused[-1] + 1 :] if refused else both
    if len(in_a_row) >= DELIVERIES:
        last, attempt = in_a_row[DELIVERIES - 1]
        evidence = [Evidence("last", Kind.DELIVERY, last.id, attempt.started_at)]
        return Part("accepted", label, evidence, "")
    missing = f"{len(in_a_row)} of {DELIVERIES} deliveries with both signatures were accepted"
    if refused:
        delivery, attempt = both[refused[-1]]
        missing += f"; before them, {attempt.status or attempt.error} came for {delivery.id}"
    return Part("accepted", label, (), missing)


MISSION = Mission(
    track=Track.BUILD,
    number=14,
    title="New keys, no downtime",
    goal="Take a new secret while orders go on, and reject nothing.",
    steps=(
        Step(
            "Rotate the [secret] on the page of your endpoint. For the grace period, the shop "
            "signs each webhook with the new and the old one.",
            OWN_ENDPOINT,
        ),
        Step(f"Buy at least {DELIVERIES} times. Your receiver still has the old secret.", SHOP),
        Step(
            "Give your receiver the new secret, and enter it here, too: the exam signs with it.",
            RECEIVER,
        ),
        CHECK,
    ),
    hints=(
        "webhook-signature has two items now. One of them is right for the secret that you have.",
        "The exam shows how the old secret alone is rejected: run it in a terminal.",
    ),
    explanation=(
        (
            "From {first} to {last}, the shop signed with both secrets, and your receiver "
            "accepted all."
        ),
        (
            "Sender and receiver cannot change a secret at the same instant. The grace period lets "
            "each of them do it in its own time, and the list of signatures makes that possible."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.event_type == "purchase.created",
    cases=CASES,
    command_cases=("old-secret-rejected", "new-secret-accepted"),
)
