"""Build mission 6: replay."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = (
    "timestamp-290s-old",
    "timestamp-600s-old",
    "timestamp-600s-ahead",
    "timestamp-milliseconds",
    "timestamp-not-a-number",
)


def judge(facts: Facts) -> Judgment:
    """Prove that signed requests are accepted within 300 s only."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=6,
    title="Replay",
    goal="Reject a recorded request that comes too late.",
    steps=(
        Step(
            "Compare webhook-timestamp, in Unix seconds, with your clock. Reject what is more than "
            "300 s old or more than 300 s ahead, and what is not a number."
        ),
        CHECK,
    ),
    hints=(
        "The timestamp is a part of what is signed, so nobody can make a recorded request younger.",
        "Compare the absolute difference: a time ahead of yours is as wrong as one behind it.",
        "Text that is not a whole number must lead to 401, not to an error of your program.",
    ),
    explanation=(
        "Your receiver took what was 290 s old, and nothing that was out of time: see the {exam}.",
        (
            "Somebody who records a genuine request can send it again: it is signed. A bound of "
            "300 s limits that [replay]. Within it, only [idempotency] helps: the next mission."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
