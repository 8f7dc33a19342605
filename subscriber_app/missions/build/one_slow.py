"""Build mission 16: one slow, nobody waits."""

from subscriber_app.missions.build.exam_cases import NO_RECEIVER, judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Evidence, Facts, Kind
from subscriber_app.missions.failing_endpoints import hangs
from subscriber_app.missions.links import FLOW
from subscriber_app.missions.mission import (
    Action,
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    Track,
)
from subscriber_app.missions.watch.one_slow import REGISTER_HANGING

ORDERS = 5
CASES = ("trickle", "half-request", "body-5-mb")


def judge(facts: Facts) -> Judgment:
    """Prove orders beside an endpoint that hangs, and that one bad request stops no other."""
    return judge_cases(facts, CASES, _added(facts), _served(facts))


def _added(facts: Facts) -> Part:
    hanging = next((each for each in facts.endpoints if hangs(each.webhook_url)), None)
    return Part(
        "added",
        "An endpoint that hangs is registered beside yours",
        [Evidence("hanging", Kind.ENDPOINT, hanging.id, hanging.created_at)] if hanging else (),
        "no endpoint hangs; add one",
    )


def _served(facts: Facts) -> Part:
    """Prove orders that reached the receiver although the other endpoint has not answered."""
    label = f"{ORDERS} orders reach your receiver, though the other endpoint lets the shop wait"
    sent_there = {each.message_id for each in facts.deliveries_elsewhere}
    reached = [
        each for each in facts.deliveries if each.has_succeeded and each.message_id in sent_there
    ]
    if len(reached) >= ORDERS:
        message = reached[0]
        evidence = [Evidence("message", Kind.MESSAGE, message.message_id, message.created_at)]
        return Part("served", label, evidence, "")
    missing = f"{len(reached)} of {ORDERS} orders have reached it; buy something"
    return Part("served", label, (), missing if facts.own_receiver else NO_RECEIVER)


MISSION = Mission(
    track=Track.BUILD,
    number=16,
    title="One slow, nobody waits",
    goal="Serve others while one client is slow, and bound what one request may cost.",
    steps=(
        Step(
            "First see how the shop does it. Add an endpoint that hangs: an address of this "
            "subscriber that takes a request and never responds.",
            action=Action(REGISTER_HANGING, "Add an endpoint that hangs"),
        ),
        Step(
            f"Buy {ORDERS} things. Each [message] has two [delivery|deliveries]: yours is done at "
            "once, and the other one waits for ten seconds.",
            FLOW,
        ),
        Step(
            "Now your receiver. Serve several requests at a time: ThreadingHTTPServer in Python; "
            "in Node, never block the event loop."
        ),
        Step("Bound the size of a body, for example by 1 MB, and the time to read it."),
        CHECK,
    ),
    hints=(
        "Reject a Content-Length that is too large before you read the body: answer 413.",
        "A connection that closes in the middle of a body is no reason to end the program.",
    ),
    explanation=(
        (
            "Messages such as {message} reached your receiver at once, while the shop waited for "
            "{hanging}: each endpoint has its own requests under way, and its own "
            "[circuit breaker]."
        ),
        "A trickling body, half a request and 5 MB did not stop the next request: see the {exam}.",
        (
            "Without limits, one client holds a thread, a connection or all memory. Both sides "
            "need a deadline and a bound for everything that others send."
        ),
        (
            "The endpoint {hanging} is still registered. Delete it on its page; a mission that it "
            "would disturb says so."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.DELIVERIES_ELSEWHERE, Need.ENDPOINTS}),
    cases=CASES,
)
