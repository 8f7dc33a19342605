"""Mission 16: one slow, nobody waits."""

import math
from collections.abc import Sequence

from subscriber_app.missions.facts import DeliveryFact, EndpointFact, Evidence, Facts, Kind
from subscriber_app.missions.failing_endpoints import hangs
from subscriber_app.missions.links import FAILING_DELIVERY, FLOW
from subscriber_app.missions.mission import (
    Action,
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    judgment,
)

MESSAGES = 20
PERCENTILE = 0.95
MAX_SECONDS = 1.0
REGISTER_HANGING = "register-hanging"


def judge(facts: Facts) -> Judgment:
    """Prove that an endpoint that hangs was sent the same messages, and delayed nobody else."""
    hanging = next((each for each in facts.endpoints if hangs(each.webhook_url)), None)
    to_it = {each.message_id for each in facts.deliveries_elsewhere}
    both = [each for each in facts.deliveries if each.message_id in to_it]
    return judgment(
        facts,
        Part(
            "added",
            "An endpoint that hangs is registered",
            [Evidence("hanging", Kind.ENDPOINT, hanging.id, hanging.created_at)] if hanging else (),
            "no endpoint hangs; add one",
            is_kept=False,  # somebody may delete it
        ),
        _sent_to_both(both),
        _quick(both),
        _open(hanging, facts.deliveries_elsewhere),
    )


def _sent_to_both(both: Sequence[DeliveryFact]) -> Part:
    label = f"{MESSAGES} messages are sent to both endpoints"
    if len(both) < MESSAGES:
        return Part("both", label, (), f"{len(both)} of {MESSAGES} messages were sent to both")
    evidence = [
        Evidence("message", Kind.MESSAGE, both[0].message_id, both[0].created_at),
        Evidence("messages", Kind.VALUE, str(len(both))),
    ]
    return Part("both", label, evidence, "")


def _quick(both: Sequence[DeliveryFact]) -> Part:
    """Judge the newest messages: after a bad start on a busy machine, one can sell more."""
    label = f"95 of 100 reach the healthy endpoint within {MAX_SECONDS:g} s"
    seconds = sorted(
        (each.completed_at - each.created_at).total_seconds()
        for each in both[-MESSAGES:]
        if each.has_succeeded and each.completed_at
    )
    if len(seconds) < MESSAGES:
        missing = f"{len(seconds)} of {MESSAGES} messages have reached it"
        return Part("quick", label, (), missing)
    found = seconds[math.ceil(PERCENTILE * len(seconds)) - 1]
    if found >= MAX_SECONDS:
        missing = f"95 of 100 needed up to {found:.1f} s; is the machine busy? Sell 20 more"
        return Part("quick", label, (), missing)
    evidence = [Evidence("percentile", Kind.VALUE, f"{found * 1000:.0f} ms")]
    return Part("quick", label, evidence, "")


def _open(hanging: EndpointFact | None, sent: Sequence[DeliveryFact]) -> Part:
    label = "The circuit breaker of the other one is open"
    if hanging and hanging.breaker != "closed":
        evidence = [Evidence("breaker", Kind.ENDPOINT, hanging.id)]
        evidence += [Evidence("held", Kind.DELIVERY, each.id, each.created_at) for each in sent[:1]]
        return Part("open", label, evidence, "")
    missing = "the circuit breaker is still closed: it opens after 20 time-outs, of 10 s each"
    if len(sent) < MESSAGES:  # the endpoint was deleted and added again
        missing = (
            f"{len(sent)} of {MESSAGES} messages were sent to the endpoint that hangs; sell more"
        )
    return Part("open", label, (), missing)


MISSION = Mission(
    number=16,
    title="One slow, nobody waits",
    goal="Add a second receiver that hangs, and see that the first one does not wait for it.",
    steps=(
        Step(
            "Add an endpoint that hangs: an address of this subscriber that takes a request and "
            "never responds.",
            action=Action(REGISTER_HANGING, "Add an endpoint that hangs"),
        ),
        Step(
            "Sell 20 things: the page Flow of the shop has buttons for many orders. Each "
            "[message] now has two [delivery|deliveries].",
            FLOW,
        ),
        Step(
            "Look at both endpoints there. One is done at once. The other has 20 requests that "
            "wait for a response, and after ten seconds its [circuit breaker] opens.",
            FLOW,
        ),
        Step(
            "Open a delivery that has timed out. Its next [attempt] waits for the breaker.",
            FAILING_DELIVERY,
        ),
    ),
    hints=(
        "The page Flow shows each endpoint on a lane of its own.",
        (
            "An endpoint may have only a few requests under way. So one that hangs can hold only "
            "those, and not the whole shop."
        ),
        "The breaker opens about ten seconds after the 20th order. Wait for it.",
    ),
    explanation=(
        (
            "{messages} messages, such as {message}, went to both endpoints. 95 of 100 reached the "
            "healthy one within {percentile}, while {hanging} let the shop wait for ten seconds "
            "each time."
        ),
        (
            "Two rules make that so. Each endpoint has a limit of requests under way, so the slow "
            "one cannot take all of a [worker|worker's] slots. And after 20 failures in a row its "
            "circuit breaker opened, so that only a [probe] now and then costs a slot at all."
        ),
        (
            "Without them, one receiver that hangs would delay the webhooks of everybody: a "
            "hundred slots are soon full of requests that wait for ten seconds."
        ),
        (
            "The endpoint {breaker} is still registered. Delete it on its page; a mission that it "
            "would disturb says so."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.DELIVERIES_ELSEWHERE, Need.ENDPOINTS}),
    picture="one_slow.html",
)
