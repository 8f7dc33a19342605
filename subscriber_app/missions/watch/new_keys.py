"""Mission 14: new keys, no downtime."""

from subscriber_app.missions.facts import Evidence, Facts, FormerSecretFact, Kind, ReceiptFact
from subscriber_app.missions.links import FLOW, SUBSCRIPTION
from subscriber_app.missions.mission import (
    Action,
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Step,
    duration,
    judgment,
)
from subscriber_app.vocabulary import Reason, Verdict

OVERLAP = 10  # deliveries
SKIP_GRACE = "skip-grace"
SEND_OLD = "send-old-secret"


def judge(facts: Facts) -> Judgment:
    """Prove a rotation without a rejected delivery, and that the old secret ends afterwards."""
    rotated = [each for each in facts.former_secrets if each.replaced_at >= facts.started_at]
    first = rotated[0] if rotated else None
    evidence = []
    if first and facts.subscription:
        evidence = [
            Evidence("old", Kind.VALUE, first.fingerprint, first.replaced_at),
            Evidence("new", Kind.VALUE, facts.subscription.fingerprint, first.replaced_at),
        ]
    return judgment(
        facts,
        Part(
            "rotated",
            "The secret was rotated",
            evidence,
            "the secret was not rotated since the mission began",
        ),
        _overlap(facts, first),
        _refused(facts, first),
    )


def _overlap(facts: Facts, rotated: FormerSecretFact | None) -> Part:
    label = f"{OVERLAP} deliveries during the overlap, none rejected"
    if rotated is None:
        return Part("overlap", label, (), "rotate the secret first")
    since = [
        each
        for each in facts.receipts
        if each.attack is None and each.received_at >= rotated.replaced_at
    ]
    rejected = [each for each in since if _is_rejected_signature(each)]
    both = [each for each in since if each.is_genuine and each.signatures > 1]
    if rejected:
        missing = "a genuine request was rejected: the secrets do not match; start over"
    elif len(both) < OVERLAP:
        missing = f"{len(both)} of {OVERLAP} deliveries were signed with both secrets"
    else:
        evidence = [
            both[0].evidence("first"),
            both[-1].evidence("last"),
            Evidence("deliveries", Kind.VALUE, str(len(both))),
        ]
        return Part("overlap", label, evidence, "")
    return Part("overlap", label, (), missing)


def _is_rejected_signature(receipt: ReceiptFact) -> bool:
    return receipt.reason in {Reason.SIGNATURE_MISMATCH, Reason.TOKEN_SIGNATURE}


def _refused(facts: Facts, rotated: FormerSecretFact | None) -> Part:
    label = "After the grace period, the old secret alone is rejected"
    sent = [each for each in facts.receipts if each.is_signed_with_old_secret]
    rejected = [each for each in sent if _is_rejected_signature(each)]
    if rejected:
        return Part("refused", label, [rejected[0].evidence("refused")], "")
    if rotated is None:
        missing = "rotate the secret first"
    elif rotated.until > facts.now and facts.skip_left is not None:
        missing = f"the grace period is being skipped, {duration(facts.skip_left)} to go"
    elif rotated.until > facts.now:
        accepted = "was still accepted: it" if sent else ""
        left = duration(rotated.until - facts.now)
        missing = f"the old secret {accepted} is valid for {left} more; skip the grace period"
        missing = " ".join(missing.split())
    elif sent and sent[-1].verdict is Verdict.REJECTED:
        missing = f"the request was rejected for another reason: {sent[-1].reason}"
    else:
        missing = "the grace period is over; send a request that is signed with the old secret"
    return Part("refused", label, (), missing)


MISSION = Mission(
    number=14,
    title="New keys, no downtime",
    goal="Replace the secret while orders keep coming in, without losing a single webhook.",
    steps=(
        Step(
            "Let orders come in: switch on Steady orders, one a second.",
            FLOW,
        ),
        Step(
            "Rotate the [secret]. The shop makes a new one, and signs with both for a day.",
            SUBSCRIPTION,
        ),
        Step(
            "Wait for ten deliveries. Each has two signatures in one header; open a receipt to "
            "see them.",
            Link("Receipt", App.SUBSCRIBER, "/receipts/{receipt}", "/"),
        ),
        Step(
            "Switch Steady orders off, then skip the grace period of a day.",
            FLOW,
            Action(SKIP_GRACE, "Skip the grace period"),
        ),
        Step(
            "Somebody has stolen the old secret, and signs a request with it alone.",
            action=Action(SEND_OLD, "Send a request with the old secret"),
        ),
    ),
    hints=(
        "The button “Rotate secret” is on the page Subscription.",
        "You can also buy ten things instead of waiting for steady orders.",
        (
            "If you send the request before the grace period is over, it is accepted as genuine: "
            "that is what the grace period means. Skip it, and send the request again."
        ),
    ),
    explanation=(
        (
            "You replaced the secret with the fingerprint {old} by the one with {new}. For a day, "
            "the shop signed every request with both: {deliveries} deliveries, from {first} to "
            "{last}, and none was rejected."
        ),
        (
            "A receiver that learns of the new secret a little later, or has several servers that "
            "do not learn of it at the same moment, never notices. That is what the overlap of a "
            "[rotation] is for."
        ),
        (
            "After the grace period, {refused} was rejected: with the old secret alone, nobody can "
            "sign any more. Rotate after a leak with a short overlap, and otherwise from time to "
            "time, so that it is routine when it must be quick."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS, Need.CLOCK}),
    picture="new_keys.html",
)
