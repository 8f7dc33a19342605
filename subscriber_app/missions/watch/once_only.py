"""Mission 7: once only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from subscriber_app.missions.facts import Evidence, Facts, Kind, ReceiptFact
from subscriber_app.missions.links import DELIVERY, SHOP
from subscriber_app.missions.mission import (
    Action,
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    counted,
    dollars,
    judgment,
)
from subscriber_app.receiving.defences import Defence
from subscriber_app.vocabulary import Verdict

REQUESTS = 13  # of one message
RESENDS = 3
AT_ONCE = 10
REPLAY = "replay-ten-times"
REPAIR = "remove-double-bookings"


def judge(facts: Facts) -> Judgment:
    """Prove a double booking, its repair, and then one booking from many requests."""
    doubled = _doubled(facts)
    return judgment(facts, doubled, _repaired(facts, doubled), _once(facts))


def _doubled(facts: Facts) -> Part:
    accepted = _by_message(
        each
        for each in facts.receipts
        if each.verdict is Verdict.ACCEPTED and each.value_cents is not None
    )
    twice = next((each for each in accepted.values() if len(each) > 1), [])
    evidence = []
    if twice:
        evidence = [
            twice[0].evidence("first"),
            twice[1].evidence("second"),
            Evidence("surplus", Kind.VALUE, dollars(twice[1].value_cents or 0)),
        ]
    missing = "no purchase was booked twice yet; buy something, then switch de-duplication off"
    if Defence.DEDUPLICATION in facts.off:
        missing = "de-duplication is off; resend a delivery in the shop"
    return Part("doubled", "Without de-duplication, a purchase is booked twice", evidence, missing)


def _repaired(facts: Facts, doubled: Part) -> Part:
    label = "The difference is 0 again"
    if not (doubled.is_proven or "doubled" in facts.seen):
        return Part("repaired", label, (), "nothing to repair yet")
    money = facts.money
    if Defence.DEDUPLICATION in facts.off:
        missing = "de-duplication is still off; switch it on, then remove the double booking"
    elif money is None or not money.is_settled:
        missing = "some webhooks are still on their way"
    elif money.difference_cents:
        missing = f"the difference is {dollars(money.difference_cents)}; remove the double booking"
    else:
        evidence = [Evidence("difference", Kind.VALUE, dollars(0), facts.now)]
        return Part("repaired", label, evidence, "")
    return Part("repaired", label, (), missing)


def _once(facts: Facts) -> Part:
    counts = (Verdict.ACCEPTED, Verdict.DUPLICATE)
    requests = _by_message(each for each in facts.receipts if each.verdict in counts)
    single = [
        each
        for each in requests.values()
        if sum(one.verdict is Verdict.ACCEPTED for one in each) == 1 and each[0].value_cents
    ]
    most: Sequence[ReceiptFact] = max(single, key=len, default=[])
    label = f"One booking from {REQUESTS} requests or more"
    if len(most) < REQUESTS:
        missing = f"{len(most)} of {REQUESTS} requests with the same message"
        return Part("once", label, (), f"{missing}; {_next(len(most))}")
    evidence = [
        Evidence("message", Kind.MESSAGE, most[0].message_id or "", most[0].received_at),
        most[0].evidence("booked"),
        Evidence("requests", Kind.VALUE, str(len(most))),
    ]
    return Part("once", label, evidence, "")


def _next(requests: int) -> str:
    """Return what to do after so many requests with the same message."""
    if not requests:
        return "buy something new"
    resends = 1 + RESENDS - requests
    if resends > 0:
        return f"resend its delivery {counted(resends, 'time')}"
    return "send it ten times at once"


def _by_message(receipts: Iterable[ReceiptFact]) -> dict[str, list[ReceiptFact]]:
    found: dict[str, list[ReceiptFact]] = defaultdict(list)
    for each in receipts:
        if each.message_id:
            found[each.message_id].append(each)
    return found


MISSION = Mission(
    number=7,
    title="Once only",
    goal="See money double without de-duplication, then book a message once that comes 13 times.",
    steps=(
        Step("Buy something in the shop.", SHOP),
        Step(
            "Switch off the defense “De-duplication”.",
            Link("Defenses", App.SUBSCRIBER, "/defences#deduplication"),
        ),
        Step(
            "In the shop, press “Resend now” on the page of the delivery. In the inbox, the "
            "difference is now positive: more was booked than sold.",
            DELIVERY,
            then=Link("Inbox", App.SUBSCRIBER, "/"),
        ),
        Step(
            "Switch the defense on again, and correct the books.",
            Link("Defenses", App.SUBSCRIBER, "/defences#deduplication"),
            Action(REPAIR, "Remove double bookings"),
        ),
        Step(
            "Buy once more, and resend that delivery three times, one after the other.",
            SHOP,
            then=DELIVERY,
        ),
        Step(
            "Now ten times at once: the same recorded request, on ten connections.",
            action=Action(REPLAY, "Send it ten times at once"),
        ),
    ),
    hints=(
        "The button “Delivery” above leads to the newest delivery. “Resend now” is at its top.",
        "The requests must carry one message: the purchase itself, three resends, ten replays.",
        "The message that was booked twice does not count for the last part. Buy something new.",
    ),
    explanation=(
        (
            "With the defense off, {first} and {second} were both booked, although they carry the "
            "same [message]. {surplus} was booked that nobody paid. A sender that delivers [at "
            "least once] sends such requests in earnest, for example after a response that was "
            "lost."
        ),
        (
            "You brought the difference back to {difference}. In real books somebody must first "
            "notice, then find out which of two equal bookings is wrong."
        ),
        (
            "The message {message} came in {requests} requests. Only {booked} was booked: its "
            "webhook-id was stored in the same transaction as the money. So even ten requests at "
            "once cannot book twice: the database lets only one of them insert the id."
        ),
        "That is [idempotency]: handling a message again has no effect beyond the first time.",
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS, Need.MONEY}),
    tools=frozenset({Tool.DEFENCES}),
    picture="once_only.html",
)
