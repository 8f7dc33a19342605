"""Build mission 15: at least once."""

from subscriber_app.missions.build.exam_cases import case_parts, effects_evidence
from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import OWN_ENDPOINT, SHOP
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Step, Track, judgment

CASES = ("redelivery",)


def judge(facts: Facts) -> Judgment:
    """Prove an attempt without a good response, then a success, and one effect of both."""
    failed = [each for each in facts.deliveries if _has_failed(each)]
    done = [each for each in failed if each.has_succeeded]
    has_probe = facts.own_receiver is not None and facts.own_receiver.has_probe
    return judgment(
        facts,
        Part(
            "failed",
            "An attempt gets no good response",
            [Evidence("failed", Kind.ATTEMPT, failed[0].id, failed[0].created_at)]
            if failed
            else (),
            "no attempt has failed; let your receiver crash before it answers, then buy",
        ),
        Part(
            "repeated",
            "The shop sends the same message again, and your receiver accepts it",
            _repeated(facts, done),
            "the delivery has not succeeded yet; start your receiver again",
        ),
        *case_parts(facts, CASES if has_probe else ()),
    )


def _has_failed(delivery: DeliveryFact) -> bool:
    return any(not attempt.has_succeeded for attempt in delivery.attempts)


def _repeated(facts: Facts, done: list[DeliveryFact]) -> list[Evidence]:
    if not done:
        return []
    return [
        Evidence("delivery", Kind.DELIVERY, done[0].id, done[0].completed_at),
        Evidence("attempts", Kind.VALUE, str(done[0].attempt_count)),
        effects_evidence(facts),
    ]


MISSION = Mission(
    track=Track.BUILD,
    number=15,
    title="At least once",
    goal="Crash between the work and the answer, and still act once.",
    steps=(
        Step(
            "Let your receiver do its work once, and then end before it answers: os._exit(1) in "
            "Python, process.exit(1) in Node."
        ),
        Step("Buy something: the receiver ends. Start it again, without the crash.", SHOP),
        Step(
            "The shop sends the same message again. Wait, or choose “Skip the wait”.",
            OWN_ENDPOINT,
        ),
        Step(
            "If your receiver has a probe, choose “Check my receiver”: the second request must "
            "have no second effect. Without a probe, the mission cannot show that."
        ),
    ),
    hints=(
        (
            "Store the effect and the webhook-id in one transaction: after a crash, either both "
            "are "
            "there or none."
        ),
        (
            "hookshop exam kills your receiver twenty times, with --run. docs/exam.md shows how: "
            "the "
            "cases are nothing-lost and nothing-twice."
        ),
    ),
    explanation=(
        "{delivery} took {attempts} attempts: after the first one, no good response came.",
        "One effect of both attempts: {effects}.",
        (
            "The shop cannot know whether you worked before the connection broke, so it must send "
            "again: at least once. Acknowledge only what you have stored, and store it only once."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.attempt_count > 1 or delivery.state != "succeeded",
    cases=CASES,
    command_cases=("nothing-lost", "nothing-twice"),
)
