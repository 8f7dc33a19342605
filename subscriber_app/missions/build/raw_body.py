"""Build mission 5: the raw body."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = (
    "pretty-printed",
    "keys-reordered",
    "non-ascii",
    "number-spelling",
    "line-feed",
    "reserialized",
)


def judge(facts: Facts) -> Judgment:
    """Prove that the signature is verified over the bytes, not over parsed JSON."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=5,
    title="The raw body",
    goal="Verify the bytes that came, before you parse them.",
    steps=(
        Step(
            "Read the [raw body] as bytes, and verify the [signature] over them. Parse the JSON "
            "only afterwards."
        ),
        CHECK,
    ),
    hints=(
        (
            "Frameworks like to parse for you. Look for the raw body: request.get_data() in Flask, "
            "express.raw() in Express."
        ),
        "Do not strip blanks or line feeds from the body, and do not decode it before you verify.",
    ),
    explanation=(
        (
            "Your receiver accepted odd JSON that was signed, and rejected plain JSON that was "
            "not: "
            "see the {exam}."
        ),
        (
            "The same JSON has many spellings. If you serialize it again, the bytes differ from "
            "the "
            "signed ones: genuine events are lost, or two parsers disagree and let an attacker in."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
