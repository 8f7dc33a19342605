"""Mission 4: trust nobody."""

from subscriber_app.lab.attacks import Attack
from subscriber_app.missions.facts import Facts, ReceiptFact
from subscriber_app.missions.links import SHOP
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Part,
    Step,
    counted,
    judgment,
)
from subscriber_app.vocabulary import Verdict

KINDS = 3
# Attacks that try to pass something off as the shop's.
FORGERIES = frozenset(set(Attack) - {Attack.REPLAY, Attack.LATE_REPLAY, Attack.NO_SIGNATURE})


def judge(facts: Facts) -> Judgment:
    """Prove one genuine delivery, and forgeries of different kinds that were rejected."""
    genuine = next((each for each in facts.receipts if each.is_genuine), None)
    forgeries = [each for each in facts.receipts if each.attack in FORGERIES]
    rejected = {each.attack: each for each in reversed(forgeries) if _is_rejected(each)}
    in_order = sorted(rejected.values(), key=lambda each: each.id)
    first = Part(
        "genuine",
        "A genuine webhook is accepted",
        [genuine.evidence("genuine")] if genuine else (),
        "no genuine webhook came since the mission began; buy something",
    )
    return judgment(facts, first, *_kinds(in_order, forgeries))


def _is_rejected(receipt: ReceiptFact) -> bool:
    return receipt.verdict is Verdict.REJECTED and receipt.fault is None


def _more(number: int) -> str:
    return counted(number, "more kind of forgery", "more kinds of forgeries")


def _kinds(rejected: list[ReceiptFact], forgeries: list[ReceiptFact]) -> list[Part]:
    missing = f"{_more(KINDS - len(rejected))} must be rejected"
    last = forgeries[-1] if forgeries else None
    if last and not _is_rejected(last):
        missing += f"; the last one was {last.verdict}, so a defense is off"
    elif len(forgeries) > len(rejected):
        missing += "; the same attack again is the same kind"
    ordinals = ("One", "A second", "A third")
    return [
        Part(
            f"forgery-{number}",
            f"{ordinals[number - 1]} kind of forgery is rejected",
            [rejected[number - 1].evidence(f"forgery{number}")] if number <= len(rejected) else (),
            missing,
        )
        for number in range(1, KINDS + 1)
    ]


MISSION = Mission(
    number=4,
    title="Trust nobody",
    goal="Attack the subscriber with three kinds of forgeries, and see why each is rejected.",
    steps=(
        Step(
            "Buy something, so that a genuine webhook comes in.",
            SHOP,
        ),
        Step(
            "Open its [receipt]. At the bottom is the attack desk. Send three different "
            "forgeries, such as “Change the amount”, “Sign with a wrong secret” and “Token with "
            "alg none”.",
            Link("Attack desk", App.SUBSCRIBER, "/receipts/{receipt}#attack-desk", "/"),
        ),
        Step("Read on each result which check stopped it."),
    ),
    hints=(
        "The same attack twice is one kind. Choose another button on the attack desk.",
        "“Drop the signature” is not a forgery: the token alone also proves the sender.",
        "If a forgery is accepted, a defense is off. Switch all of them on and try again.",
    ),
    explanation=(
        (
            "The genuine request {genuine} was accepted: its [signature] is what the shop's secret "
            "makes of exactly these bytes."
        ),
        (
            "The forgeries {forgery1}, {forgery2} and {forgery3} were rejected. Their sender "
            "knows your URL and has seen a genuine request, but does not have the [secret]."
        ),
        (
            "A receiver that books before it verifies is a public form in which anybody can enter "
            "purchases."
        ),
    ),
    judge=judge,
)
