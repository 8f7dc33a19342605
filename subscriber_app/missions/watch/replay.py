"""Mission 6: replay."""

from collections.abc import Sequence

from subscriber_app.lab.attacks import Attack
from subscriber_app.missions.facts import EDITED, Evidence, Facts, Kind, ReceiptFact
from subscriber_app.missions.links import SHOP
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Part,
    Question,
    Step,
    judgment,
)
from subscriber_app.vocabulary import Reason, Verdict

PREDICTION = "verdict"
_LABELS = {
    "accepted": "accepted: it is booked again",
    "duplicate": "duplicate: it is acknowledged, but not booked",
    "rejected": "rejected: it is an attack",
}


def judge(facts: Facts) -> Judgment:
    """Prove a replay that was recognized, and a late one that was too old."""
    answer = facts.answers.get(PREDICTION)
    since = [each for each in facts.receipts if answer and each.received_at >= answer.at]
    replays = [each for each in since if _is_replay(each, facts.receipts)]
    late = [each for each in facts.receipts if each.attack == Attack.LATE_REPLAY]
    too_old = [each for each in late if each.reason is Reason.TIMESTAMP_TOO_OLD]
    return judgment(
        facts,
        Part(
            "predicted",
            "You predicted the verdict",
            [Evidence("prediction", Kind.VALUE, answer.text, answer.at)] if answer else (),
            "predict the verdict first",
        ),
        _recognized(replays),
        Part(
            "too_old",
            "A replay after ten minutes is rejected",
            [each.evidence("late") for each in too_old[:1]],
            f"the late replay was {late[-1].verdict}: is the timestamp check off?"
            if late
            else "use the attack “Replay after ten minutes”",
        ),
    )


def _recognized(replays: Sequence[ReceiptFact]) -> Part:
    recognized = [each for each in replays if each.verdict is Verdict.DUPLICATE]
    missing = "replay a recorded request, after your prediction"
    if replays and replays[-1].reason is Reason.TIMESTAMP_TOO_OLD:
        missing = "the replayed request was older than five minutes; buy again, and replay that one"
    elif replays:
        missing = f"the replay was {replays[-1].verdict}; the original must have been accepted"
    evidence = [
        found
        for each in recognized[:1]
        for found in (
            each.evidence("replay"),
            Evidence("verdict", Kind.VALUE, each.verdict.value, each.received_at),
        )
    ]
    return Part("recognized", "A fresh replay is recognized as a duplicate", evidence, missing)


def _is_replay(receipt: ReceiptFact, all_receipts: Sequence[ReceiptFact]) -> bool:
    """Return whether the request was recorded before: by the attack desk, the editor or curl."""
    if receipt.attack in {Attack.REPLAY, EDITED}:
        return True
    return receipt.attack is None and any(
        each.id < receipt.id
        and (each.message_id, each.credentials) == (receipt.message_id, receipt.credentials)
        for each in all_receipts
    )


MISSION = Mission(
    number=6,
    title="Replay",
    goal="Send a genuine request a second time, at once and after ten minutes.",
    steps=(
        Step("Buy something in the shop.", SHOP),
        Step(
            "An attacker records the request and sends it again, byte for byte, a moment later. "
            "Predict the verdict: answer above.",
        ),
        Step(
            "Now do it: “Replay now” on the attack desk, or the curl command on the same page.",
            Link("Attack desk", App.SUBSCRIBER, "/receipts/{receipt}#attack-replay", "/"),
        ),
        Step(
            "Then use “Replay after ten minutes”.",
            Link("Attack desk", App.SUBSCRIBER, "/receipts/{receipt}#attack-late-replay", "/"),
        ),
    ),
    questions=(Question(PREDICTION, "The verdict on the replay", choices=tuple(_LABELS.items())),),
    hints=(
        "The signature of a [replay] is valid: nothing in the request was changed.",
        "A request is fresh for five minutes. Within them, only its webhook-id gives it away.",
        "If the replay was rejected as too old, buy something again and replay that request.",
    ),
    explanation=(
        "You predicted “{prediction}”. The replay {replay} got the verdict “{verdict}”.",
        (
            "Its [signature] was valid and its [timestamp] fresh. Only its webhook-id showed that "
            "the [message] had been booked before, so the subscriber answered 200 and booked "
            "nothing."
        ),
        (
            "The late replay {late} was rejected for another reason: its timestamp was ten minutes "
            "old. The timestamp is signed, so an attacker cannot make it younger."
        ),
        (
            "The two checks need each other: the timestamp limits how long a recorded request is "
            "of use, and so how long a receiver must remember the ids that it has seen."
        ),
    ),
    judge=judge,
)
