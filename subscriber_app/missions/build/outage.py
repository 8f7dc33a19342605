"""Build mission 13: the outage."""

from subscriber_app.missions.build.exam_cases import case_parts, effects_evidence
from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import OWN_ENDPOINT, SHOP
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Step, Track, judgment

SALES = 5
CASES = ("redelivery",)


def judge(facts: Facts) -> Judgment:
    """Prove an outage that hit some orders, that all of them came in the end, and none twice."""
    hit = [each for each in facts.deliveries if _is_hit(each)]
    has_probe = facts.own_receiver is not None and facts.own_receiver.has_probe
    return judgment(
        facts,
        Part(
            "hit",
            f"An outage hits {SALES} orders",
            [Evidence("first", Kind.DELIVERY, hit[0].id, hit[0].created_at)]
            if len(hit) >= SALES
            else (),
            f"{len(hit)} of {SALES} orders were hit by an outage; stop your receiver, then buy",
        ),
        _delivered(facts, hit),
        *case_parts(facts, CASES if has_probe else ()),
    )


def _is_hit(delivery: DeliveryFact) -> bool:
    """Return whether a purchase was not delivered by its first attempt."""
    has_failed = delivery.attempt_count > 1 or delivery.state in {"pending", "failed"}
    return delivery.event_type == "purchase.created" and delivery.attempt_count > 0 and has_failed


def _delivered(facts: Facts, hit: list[DeliveryFact]) -> Part:
    label = "All of them are delivered in the end"
    waiting = [each for each in hit if not each.has_succeeded]
    if len(hit) >= SALES and not waiting:
        evidence = [
            Evidence("last", Kind.DELIVERY, hit[-1].id, hit[-1].completed_at),
            Evidence("sales", Kind.VALUE, str(len(hit))),
            effects_evidence(facts),
        ]
        return Part("delivered", label, evidence, "")
    failed = sum(each.state == "failed" for each in hit)
    missing = f"{len(waiting)} of {len(hit)} are still undelivered; start your receiver again"
    if failed:
        missing += f"; {failed} have used up their attempts: recover them in the shop"
    return Part("delivered", label, (), missing)


MISSION = Mission(
    track=Track.BUILD,
    number=13,
    title="The outage",
    goal="Stop your receiver, sell, start it again, and lose nothing.",
    steps=(
        Step(f"Stop your receiver, then buy at least {SALES} times.", SHOP),
        Step(
            "Start your receiver again. Its data must be where they were: in a file, not in memory."
        ),
        Step(
            "Wait for the retries, or choose “Skip the wait” in the shop. If the [circuit breaker] "
            "is open, its next probe closes it.",
            OWN_ENDPOINT,
        ),
        Step(
            "If your receiver has a probe, choose “Check my receiver”: what comes again must have "
            "no second effect. Without a probe, the mission cannot show that."
        ),
    ),
    hints=(
        (
            "Orders that were placed while the breaker was open have no attempt yet: they do "
            "not count."
        ),
        (
            "A delivery whose [retry schedule] is used up has failed. Recover it on the page of "
            "the "
            "endpoint."
        ),
    ),
    explanation=(
        "An outage hit {sales} orders, from {first} to {last}. All of them were delivered later.",
        "One effect of what comes twice: {effects}.",
        (
            "The shop keeps what it could not deliver and sends it again. So a receiver may be "
            "down "
            "for hours, if it acts once on what comes twice."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    cases=CASES,
)
