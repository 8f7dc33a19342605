"""Build mission 7: once only."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import ADD_PROBE, CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = ("redelivery", "ten-at-once", "same-id-other-body")


def judge(facts: Facts) -> Judgment:
    """Prove one effect for each message, however often it comes."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=7,
    title="Once only",
    goal="Let a message have one effect, however often it comes.",
    steps=(
        Step(
            "Store the webhook-id of each message in the same transaction as its effect, with a "
            "unique key. If it is there already, answer 2xx and do nothing."
        ),
        ADD_PROBE,
        CHECK,
    ),
    hints=(
        (
            "First looking for the id and then inserting it is a race: ten copies at once find "
            "nothing, and all of them act. Insert, and let the database say that it is there."
        ),
        "A duplicate is not an error: answer 2xx, or the shop sends it again and again.",
    ),
    explanation=(
        "Each message had one effect, also with ten copies at once: see the {exam}.",
        (
            "A sender that gets no answer cannot know whether you worked, so it sends again. That "
            "is why delivery is at least once, and [idempotency] is the receiver's task."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
