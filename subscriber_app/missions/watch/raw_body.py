"""Mission 5: the raw body."""

from subscriber_app.lab.attacks import Attack
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.links import SHOP
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Part,
    Step,
    Tool,
    judgment,
)
from subscriber_app.receiving.defences import Defence
from subscriber_app.vocabulary import Verdict


def judge(facts: Facts) -> Judgment:
    """Prove that the same attack was accepted once and rejected once."""
    sent = [each for each in facts.receipts if each.attack == Attack.RESERIALISED]
    accepted = [each for each in sent if each.verdict is Verdict.ACCEPTED]
    rejected = [each for each in sent if each.verdict is Verdict.REJECTED and not each.fault]
    is_off = Defence.RAW_BODY in facts.off
    if is_off and sent and not accepted:
        try_it = (
            "the changed body was rejected although the defense is off: its amount is in whole "
            "dollars. Attack the receipt of another product, such as a fishing rod"
        )
    elif is_off:
        try_it = "the defense is off; now re-serialize the body"
    else:
        try_it = "the defense “Raw body” is still on"
    stop_it = (
        "the defense “Raw body” is off; switch it on and re-serialize again"
        if is_off
        else "re-serialize the body with the defense on"
    )
    return judgment(
        facts,
        Part(
            "accepted",
            "With the defense off, the changed body is accepted",
            [each.evidence("accepted") for each in accepted[:1]],
            try_it,
        ),
        Part(
            "rejected",
            "With the defense on, it is rejected",
            [each.evidence("rejected") for each in rejected[:1]],
            stop_it,
        ),
    )


MISSION = Mission(
    number=5,
    title="The raw body",
    goal="See why a signature must be verified over the bytes as they arrived.",
    steps=(
        Step("Buy a fishing rod in the shop.", SHOP),
        Step(
            "Switch off the defense “Raw body”. The subscriber now parses and re-serializes each "
            "body before it verifies, as many web frameworks make you do.",
            Link("Defenses", App.SUBSCRIBER, "/defences#raw_body"),
        ),
        Step(
            "On the receipt, use the attack “Re-serialize the body”: the same JSON with different "
            "white space. It is accepted, although nobody signed these bytes.",
            Link("Attack desk", App.SUBSCRIBER, "/receipts/{receipt}#attack-reserialised", "/"),
        ),
        Step(
            "Switch the defense on, and use the same attack again.",
            Link("Defenses", App.SUBSCRIBER, "/defences#raw_body"),
            then=Link(
                "Attack desk", App.SUBSCRIBER, "/receipts/{receipt}#attack-reserialised", "/"
            ),
        ),
    ),
    hints=(
        "Each attack starts from the page of a receipt. Use one of a fishing rod: $50.75.",
        (
            "With the defense off, genuine webhooks for whole dollars are rejected: the shop "
            "writes 34.0, this serializer writes 34. That is the other half of the same trap."
        ),
        "If the banner says “Undefended”, the defense is off.",
    ),
    explanation=(
        (
            "{accepted} was accepted with the defense off: the subscriber verified what its own "
            "serializer made of the request, not what came over the wire."
        ),
        (
            "{rejected} is the same attack with the defense on. Its bytes differ from those that "
            "were signed, so the [signature] does not match."
        ),
        (
            "The rule for every receiver: take the [raw body], verify it, and only then parse it. "
            "A framework that hands you parsed JSON has already thrown away what you must verify."
        ),
    ),
    judge=judge,
    tools=frozenset({Tool.DEFENCES}),
    picture="raw_body.html",
)
