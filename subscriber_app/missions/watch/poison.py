"""Mission 17: poison."""

from collections.abc import Sequence

from subscriber_app.missions.facts import EDITED, Evidence, Facts, Kind, ReceiptFact
from subscriber_app.missions.links import EDITOR, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    judgment,
)
from subscriber_app.vocabulary import Reason, Verdict

NEXT = 5


def judge(facts: Facts) -> Judgment:
    """Prove an unknown type that was ignored, a malformed event, and that both stopped nothing."""
    edited = [each for each in facts.receipts if each.attack == EDITED]
    ignored = [each for each in edited if each.verdict is Verdict.IGNORED]
    malformed = [each for each in edited if each.reason is Reason.MALFORMED_EVENT]
    return judgment(
        facts,
        Part(
            "ignored",
            "An event of an unknown type is acknowledged and ignored",
            [ignored[0].evidence("unknown")] if ignored else (),
            _unknown_is_missing(edited),
        ),
        Part(
            "malformed",
            "A malformed event is rejected",
            [malformed[0].evidence("malformed")] if malformed else (),
            "no malformed event was rejected; remove the end of the body, sign it, and send it",
        ),
        _accepted_next(facts, [*ignored[:1], *malformed[:1]]),
    )


def _unknown_is_missing(edited: Sequence[ReceiptFact]) -> str:
    missing = "no event of an unknown type was ignored"
    last = edited[-1] if edited else None
    if last and last.verdict is Verdict.REJECTED and last.reason is not Reason.MALFORMED_EVENT:
        return f"{missing}: the last request was rejected ({last.reason}); sign it before you send"
    if last and last.verdict is Verdict.DUPLICATE:
        return f"{missing}: the last request was a duplicate; change the type in the body"
    return f"{missing}; change the type in the editor, sign it, and send it"


def _accepted_next(facts: Facts, poison: Sequence[ReceiptFact]) -> Part:
    label = f"The next {NEXT} webhooks of the shop are accepted"
    proven = [each for key in ("ignored", "malformed") for each in facts.seen.get(key, ())]
    ids = [each.id for each in poison] or [each.id for each in proven]
    if len(poison) + len(proven) < 2:  # noqa: PLR2004 – one of each kind
        return Part("next", label, (), "send both requests first")
    later = [each for each in facts.receipts if each.is_genuine and each.id > max(ids)]
    if len(later) < NEXT:
        missing = f"{len(later)} of {NEXT} webhooks were accepted since then; buy more"
        return Part("next", label, (), missing)
    evidence = [
        later[0].evidence("first"),
        later[NEXT - 1].evidence("last"),
        Evidence("count", Kind.VALUE, str(NEXT)),
    ]
    return Part("next", label, evidence, "")


MISSION = Mission(
    number=17,
    title="Poison",
    goal="Send two genuine requests that the subscriber cannot use, and see that nothing stops.",
    steps=(
        Step(
            "Buy something, so that there is a request to change.",
            SHOP,
        ),
        Step(
            "Open the editor. In the body, replace purchase.created by purchase.gifted, a type "
            "that the subscriber does not know. Use “Sign with current time”, so that the request "
            "is genuine, then “Send request”.",
            EDITOR,
        ),
        Step(
            "Open the editor again. This time, delete the last character of the body, the brace. "
            "Sign and send it.",
            EDITOR,
        ),
        Step(
            "Place five orders in the shop, one after the other.",
            SHOP,
        ),
    ),
    hints=(
        "After any change of the body the signature is wrong. Sign again before you send.",
        ("The editor is also reached by “Edit request” at the bottom of a receipt's page."),
        "A page that shows “ignored” is right: the answer was 200, and nothing was booked.",
    ),
    explanation=(
        (
            "{unknown} had a type that the subscriber does not know. It answered 200 and ignored "
            "the event: a sender adds types over time, and a receiver that fails on each new one "
            "would get it again and again, for nothing."
        ),
        (
            "{malformed} was genuine, but no event could be read from its body. The subscriber "
            "rejected it with 400, so that the sender notices. The sender tries again, and gives "
            "up at the end of its [retry schedule]."
        ),
        (
            "The next {count} webhooks, {first} to {last}, were accepted. A request that can never "
            "be handled is called poison. It must cost only itself: a receiver that crashes on it, "
            "or handles one message after the other, is stopped by a single one."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
)
