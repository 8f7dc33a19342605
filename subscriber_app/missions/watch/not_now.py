"""Mission 9: not now."""

from collections.abc import Iterator

from subscriber_app.missions.facts import AttemptFact, DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import DELIVERY, SET_SCRIPT, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    fault_to_set,
    judgment,
)

TOO_MANY_REQUESTS = 429
MIN_SECONDS = 7


def judge(facts: Facts) -> Judgment:
    """Prove a response 429 with Retry-After, and that the shop waited for so long."""
    asked = next(_asked(facts), None)
    waited = next(_waited(facts), None)
    evidence = []
    if asked:
        delivery, attempt = asked
        evidence = [Evidence("asked", Kind.ATTEMPT, delivery.id, attempt.started_at)]
    return judgment(
        facts,
        Part(
            "asked",
            "The subscriber answers 429",
            evidence,
            f"no attempt got 429; {fault_to_set(facts, 'the script 429:7')}",
        ),
        _respected(facts, asked, waited),
    )


def _asked(facts: Facts) -> Iterator[tuple[DeliveryFact, AttemptFact]]:
    for delivery in reversed(facts.deliveries):
        for attempt in delivery.attempts:
            if attempt.status == TOO_MANY_REQUESTS:
                yield delivery, attempt


def _waited(facts: Facts) -> Iterator[tuple[DeliveryFact, AttemptFact, float]]:
    for delivery in facts.deliveries:
        for before, after in zip(delivery.attempts, delivery.attempts[1:], strict=False):
            gap = (after.started_at - before.ended_at).total_seconds() + after.skipped_seconds
            # The times of attempts are in whole milliseconds.
            is_long = gap >= MIN_SECONDS - 0.01 and after.retry_after_seconds >= MIN_SECONDS
            if before.status == TOO_MANY_REQUESTS and is_long:
                yield delivery, after, gap


def _respected(
    facts: Facts,
    asked: tuple[DeliveryFact, AttemptFact] | None,
    waited: tuple[DeliveryFact, AttemptFact, float] | None,
) -> Part:
    label = f"The shop waits {MIN_SECONDS} s or more because of Retry-After"
    if waited:
        delivery, attempt, gap = waited
        evidence = [
            Evidence("delivery", Kind.DELIVERY, delivery.id, attempt.started_at),
            Evidence("gap", Kind.VALUE, f"{gap:.1f} s"),
            Evidence("requested", Kind.VALUE, f"{attempt.retry_after_seconds:g} s"),
            Evidence("schedule", Kind.VALUE, f"{attempt.schedule_seconds or 0:g} s"),
        ]
        return Part("respected", label, evidence, "")
    missing = "the response 429 has not come yet"
    if asked:
        delivery, attempt = asked
        missing = f"the gap was shorter than {MIN_SECONDS} s; ask for more time, with 429:7"
        if delivery.attempts[-1] is attempt:
            missing = delivery.next_attempt(facts.now) or missing
    return Part("respected", label, (), missing)


MISSION = Mission(
    number=9,
    title="Not now",
    goal="Ask the shop to come back later, and see that it listens.",
    steps=(
        Step(
            "Set the fault “Script” to 429:7. The subscriber answers the next "
            "request with 429 Too Many Requests and the header Retry-After: 7.",
            SET_SCRIPT,
        ),
        Step("Buy something in the shop.", SHOP),
        Step(
            "Look at the delivery: the schedule says 2 s, but the shop waits for 7.",
            DELIVERY,
        ),
    ),
    hints=(
        (
            "A word of a script is for one request. After the last word, the subscriber responds "
            "normally."
        ),
        (
            "The longer of schedule and Retry-After counts. Less than 7 seconds does not prove "
            "anything."
        ),
    ),
    explanation=(
        (
            "The {asked} got 429 with Retry-After {requested}. The [retry schedule] "
            "would have waited {schedule}; the shop waited {gap}, then made the next [attempt]."
        ),
        (
            "A receiver knows best when it will be ready again. With Retry-After it can say so: to "
            "limit the rate, or during a planned restart."
        ),
        (
            "The header makes the wait longer, never shorter, and one hour at most: no receiver "
            "can stop the shop for a day with one number."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.event_type == "purchase.created",
    tools=frozenset({Tool.FAULTS}),
)
