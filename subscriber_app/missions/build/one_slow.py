"""Build mission 16: one slow, nobody waits."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = ("trickle", "half-request", "body-5-mb")


def judge(facts: Facts) -> Judgment:
    """Prove that one slow, broken or huge request does not stop the others."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=16,
    title="One slow, nobody waits",
    goal="Serve others while one client is slow, and bound what one request may cost.",
    steps=(
        Step(
            "Serve several requests at a time: ThreadingHTTPServer in Python; in Node, never block "
            "the event loop."
        ),
        Step("Bound the size of a body, for example by 1 MB, and the time to read it."),
        CHECK,
    ),
    hints=(
        "Reject a Content-Length that is too large before you read the body: answer 413.",
        "A connection that closes in the middle of a body is no reason to end the program.",
    ),
    explanation=(
        "A trickling body, half a request and 5 MB did not stop the next request: see the {exam}.",
        (
            "Without limits, one client holds a thread, a connection or all memory. The shop "
            "protects itself in the same way: with a deadline, and a [circuit breaker] for each "
            "endpoint."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
)
