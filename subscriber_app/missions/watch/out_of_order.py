"""Mission 11: out of order."""

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind, ReceiptFact
from subscriber_app.missions.links import SET_SCRIPT, SHOP
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    fault_to_set,
    judgment,
)
from subscriber_app.vocabulary import Reason

CREATED = "purchase.created"
REFUNDED = "purchase.refunded"


def judge(facts: Facts) -> Judgment:
    """Prove a refund that arrived before its purchase, and the same state in the end."""
    held = [each for each in facts.deliveries if _is_held_up(facts, each)]
    overtaken = [each for each in held if _has_overtaken(facts, each)]
    whole = [each for each in overtaken if _is_refunded(facts, each)]
    shown = next(iter([*whole, *reversed(overtaken), *reversed(held)]), None)
    return judgment(
        facts,
        Part(
            "held",
            "A purchase is held up",
            [
                Evidence("created", Kind.DELIVERY, shown.id, shown.created_at),
                Evidence("order", Kind.ORDER, shown.order_id or ""),
            ]
            if shown
            else (),
            f"no purchase is held up; {fault_to_set(facts, 'the script timeout')}",
        ),
        _overtaken(facts, shown),
        _refunded(facts, shown, is_whole=shown in whole),
    )


def _is_held_up(facts: Facts, delivery: DeliveryFact) -> bool:
    if delivery.event_type != CREATED or delivery.order_id is None:
        return False
    failures = facts.receipts_of(delivery.message_id)
    return any(each.reason is Reason.SIMULATED_FAULT for each in failures)


def _accepted(facts: Facts, order_id: str | None, event_type: str) -> ReceiptFact | None:
    """Return the genuine request that told of this event of an order."""
    for each in facts.receipts:
        if each.is_genuine and (each.order_id, each.event_type) == (order_id, event_type):
            return each
    return None


def _has_overtaken(facts: Facts, held: DeliveryFact) -> bool:
    refunded = _accepted(facts, held.order_id, REFUNDED)
    created = _accepted(facts, held.order_id, CREATED)
    return refunded is not None and (created is None or refunded.id < created.id)


def _is_refunded(facts: Facts, held: DeliveryFact) -> bool:
    known = [each for each in facts.purchases if each.order_id == held.order_id]
    return any(each.is_bought and each.is_refunded for each in known)


def _overtaken(facts: Facts, held: DeliveryFact | None) -> Part:
    label = "Its refund arrives first"
    refunded = _accepted(facts, held.order_id, REFUNDED) if held else None
    if held is None:
        missing = "hold up a purchase first"
    elif refunded and _has_overtaken(facts, held):
        return Part("overtaken", label, [refunded.evidence("refunded")], "")
    elif _accepted(facts, held.order_id, CREATED):
        missing = "the purchase arrived before the refund; hold up another one, and refund it soon"
    else:
        missing = "the purchase is held up now: refund its order"
    return Part("overtaken", label, (), missing)


def _refunded(facts: Facts, held: DeliveryFact | None, *, is_whole: bool) -> Part:
    label = "In the end, the purchase is refunded"
    created = _accepted(facts, held.order_id, CREATED) if held else None
    if held and created and is_whole:
        evidence = [created.evidence("late"), Evidence("state", Kind.VALUE, "refunded")]
        return Part("refunded", label, evidence, "")
    missing = "the purchase has not arrived yet"
    if held and (soon := held.next_attempt(facts.now)):
        missing += f"; {soon}"
    elif held and held.state == "failed":
        missing += ": its delivery used up its attempts; resend it"
    return Part("refunded", label, (), missing)


MISSION = Mission(
    number=11,
    title="Out of order",
    goal="Let a refund arrive before its purchase, and see that the result is the same.",
    steps=(
        Step(
            "Set the fault “Script” to timeout: the subscriber lets the next request "
            "wait for ten seconds and does not answer.",
            SET_SCRIPT,
        ),
        Step("Buy something in the shop.", SHOP),
        Step(
            "Within these ten seconds, refund the order. Its page is open after you have bought.",
            Link("Order", App.SHOP, "/orders/{order}", "/orders"),
        ),
        Step(
            "Watch the purchase on the page Purchases: first refunded, but of an unknown amount; "
            "then whole.",
            Link("Purchases", App.SUBSCRIBER, "/purchases"),
        ),
    ),
    hints=(
        (
            "“Refund…” is on the page of the order, and asks once more. Keep that page open before "
            "you buy: it is behind the link of the third step."
        ),
        (
            "The script has one word, so that only the first request has to wait. The refund must "
            "get a normal response."
        ),
        (
            "If you are too slow, use the script 503 503 503: it holds the purchase up for about "
            "14 seconds. Refund in the last eight of them, after the third attempt."
        ),
    ),
    explanation=(
        (
            "You bought {order}. Its delivery {created} was held up, and meanwhile the refund "
            "arrived in {refunded}. The purchase came later, in {late}."
        ),
        (
            "Each event of an order is a [delivery] of its own, and [retry|retries] change their "
            "order. No sender that retries can promise an order without making everything wait "
            "behind the first failure."
        ),
        (
            "The purchase is {state} all the same: each event sets its own fields only, such as "
            "the time of the refund, and none overwrites what another one has set. So the result "
            "does not depend on which came first."
        ),
        (
            "Other ways are to compare the dates in the events, or to fetch the current state from "
            "the sender's API whenever an event comes."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    tools=frozenset({Tool.FAULTS}),
    picture="out_of_order.html",
)
