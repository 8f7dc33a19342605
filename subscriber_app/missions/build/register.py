"""Build mission 2: register your receiver."""

from subscriber_app.missions.build.exam_cases import NO_RECEIVER
from subscriber_app.missions.facts import Evidence, Facts, Kind
from subscriber_app.missions.links import RECEIVER, RECEIVERS, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    Track,
    judgment,
)


def judge(facts: Facts) -> Judgment:
    """Prove a registration since the start, and that a request of the shop was answered."""
    return judgment(facts, _registered(facts), _reached(facts))


def _registered(facts: Facts) -> Part:
    own, evidence, missing = facts.own_receiver, [], NO_RECEIVER
    if own and own.created_at >= facts.started_at:
        evidence = [Evidence("endpoint", Kind.ENDPOINT, own.endpoint_id, own.created_at)]
    elif own:
        missing = "your receiver was registered before the start; remove it and register it again"
    return Part("registered", "Your receiver is registered at the shop", evidence, missing)


def _reached(facts: Facts) -> Part:
    label = "It has answered a request of the shop, whatever the answer"
    missing = "no request was sent to it; start your receiver and buy something"
    for delivery in facts.deliveries:
        for attempt in delivery.attempts:
            if attempt.status is not None:
                evidence = [
                    Evidence("delivery", Kind.DELIVERY, delivery.id, attempt.started_at),
                    Evidence("status", Kind.VALUE, str(attempt.status)),
                ]
                return Part("reached", label, evidence, "")
            missing = f"the shop got no answer: {attempt.error or 'no response'}; is it running?"
    return Part("reached", label, (), missing)


MISSION = Mission(
    track=Track.BUILD,
    number=2,
    title="Register your receiver",
    goal="Start a receiver of your own, and let the shop send to it.",
    steps=(
        Step(
            "Make an empty folder, and save a receiver to begin with in it. You can also write one "
            "in any language: a few lines that answer 200 to every POST.",
            RECEIVERS,
        ),
        Step(
            "Register the URL at which your receiver will listen, for example "
            "http://127.0.0.1:9000/hook. The page shows the [secret] once, with the command that "
            "starts the receiver.",
            RECEIVER,
        ),
        Step("Start your receiver with the secret. The next missions make it right."),
        Step("Buy something in the shop, so that it sends a [webhook] there.", SHOP),
    ),
    hints=(
        (
            "The shop must reach the URL from its machine. If it runs in a container, 127.0.0.1 is "
            "the container itself."
        ),
        "A connection that is refused means that nothing listens at this port yet.",
    ),
    explanation=(
        "The shop has your [endpoint] {endpoint}, and sent it the [delivery] {delivery}.",
        (
            "Your receiver answered {status}. The shop does not care for the body of the response: "
            "the status alone says whether the webhook was accepted."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda _delivery: True,
)
