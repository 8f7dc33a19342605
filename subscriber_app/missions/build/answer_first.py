"""Build mission 10: answer first, work later."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = ("twenty-p95", "twenty-each")


def judge(facts: Facts) -> Judgment:
    """Prove quick answers to twenty orders."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=10,
    title="Answer first, work later",
    goal="Answer within a second, whatever the work takes.",
    steps=(
        Step(
            "Let the work take 2 s: sleep before you answer. Choose “Check my receiver”, and see "
            "what the exam says."
        ),
        Step(
            "Repair it: store the event, answer 2xx, and do the work afterwards, in a thread or a "
            "queue that survives a restart."
        ),
        CHECK,
    ),
    hints=(
        (
            "A table of the database is a good queue: a row for each event, and a flag when it "
            "is done."
        ),
        "The exam sends five orders at a time, so your receiver must answer more than one at once.",
    ),
    explanation=(
        "Twenty orders were answered in time: see the {exam}.",
        (
            "The shop gives up on a request after 10 s, and sends it again: the work is done "
            "twice. "
            "A slow receiver also delays all events that wait behind."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
