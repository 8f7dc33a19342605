"""Build mission 17: poison."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = (
    "unknown-type",
    "signed-junk",
    "signed-empty",
    "wrong-content-type",
    "get",
    "head",
    "still-works",
)


def judge(facts: Facts) -> Judgment:
    """Prove that odd requests are answered without a crash, and that genuine ones still work."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=17,
    title="Poison",
    goal="Answer what is odd, broken or unknown without a crash.",
    steps=(
        Step("Answer 2xx to an [event] of a type that you do not know, and do nothing."),
        Step("Answer 4xx to a signed body that is no JSON, or that has not the fields you need."),
        Step("Answer GET and HEAD with anything but 5xx, for example 405."),
        CHECK,
    ),
    hints=(
        "http.server of Python answers 501 to a HEAD, unless the handler has the method do_HEAD.",
        "400 for an unknown type makes the shop retry, and disable your endpoint in the end.",
        (
            "5xx means: try again. For a message that will never work, it stops the messages "
            "behind it as well."
        ),
    ),
    explanation=(
        (
            "Your receiver answered all of it, and still accepted an ordinary delivery: see "
            "the {exam}."
        ),
        (
            "A message that crashes the receiver comes again with every [retry]: poison. What can "
            "never work must be rejected with 4xx; what is merely new must be accepted and ignored."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
