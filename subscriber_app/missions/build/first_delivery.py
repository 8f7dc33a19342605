"""Build mission 3: your first delivery."""

from subscriber_app.missions.build.exam_cases import NO_RECEIVER, judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Evidence, Facts, Kind
from subscriber_app.missions.links import READING, SHOP
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Step, Track

CASES = ("as-sent", "header-case", "charset", "chunked", "body-20-kb")


def judge(facts: Facts) -> Judgment:
    """Prove the delivery of a new order, and that unusual requests are accepted as well."""
    return judge_cases(facts, CASES, _delivered(facts))


def _delivered(facts: Facts) -> Part:
    label = "A new order is delivered to your receiver"
    purchases = [each for each in facts.deliveries if each.event_type == "purchase.created"]
    missing = "no order was placed since the mission began; buy something"
    if facts.own_receiver is None:
        missing = NO_RECEIVER
    for each in reversed(purchases):
        if each.has_succeeded:
            evidence = [Evidence("delivery", Kind.DELIVERY, each.id, each.completed_at)]
            return Part("delivered", label, evidence, "")
        last = f", the last response was {each.last_status}" if each.last_status else ""
        missing = f"the delivery of your order is {each.state}{last}"
    return Part("delivered", label, (), missing)


MISSION = Mission(
    track=Track.BUILD,
    number=3,
    title="Your first delivery",
    goal="Accept a genuine webhook, in every form in which HTTP allows it.",
    steps=(
        Step("Buy something in the shop. Your receiver answers 2xx.", SHOP),
        Step(
            "Let your receiver accept what is unusual, but right: names of headers in any case, a "
            "charset in the content type, a body of 20 KB, and a body in chunks.",
            READING,
        ),
        CHECK,
    ),
    hints=(
        "In HTTP, names of headers have no case: look a header up without regard to it.",
        (
            "A body in chunks has no Content-Length. Many servers decode it for you; http.server "
            "of "
            "Python does not."
        ),
    ),
    explanation=(
        (
            "The shop delivered {delivery} to your receiver, and the exam sent it more: see "
            "the {exam}."
        ),
        (
            "Proxies and other senders write the same request in other ways. A receiver that is "
            "strict about these loses genuine events for no visible reason."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    cases=CASES,
)
