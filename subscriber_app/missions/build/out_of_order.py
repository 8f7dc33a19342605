"""Build mission 11: out of order."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.links import RECEIVER
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = ("refund-before-purchase", "shipped-after-refunded")


def judge(facts: Facts) -> Judgment:
    """Prove that the final state of an order is right, in whatever order its events come."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=11,
    title="Out of order",
    goal="Reach the right state of an order, in whatever order its events arrive.",
    steps=(
        Step(
            "Keep the state of each order. A refund is final: neither a purchase nor a shipping "
            "that "
            "arrives later may undo it."
        ),
        Step(
            "Let the probe also answer ?order_id=… with the state: created, shipped or refunded, "
            "or "
            "null for an order that you do not know.",
            RECEIVER,
        ),
        CHECK,
    ),
    hints=(
        "Do not take the last event that came for the truth. Rank the states: refunded is highest.",
        "A refund of an order that you do not know yet must be stored and answered with 2xx.",
    ),
    explanation=(
        "The orders were refunded in the end, whatever came last: see the {exam}.",
        (
            "After a [retry], a later event overtakes an earlier one. Deliveries in parallel do "
            "the "
            "same. The receiver must not depend on the order of arrival."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
