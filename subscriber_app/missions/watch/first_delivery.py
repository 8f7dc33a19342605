"""Mission 3: the first delivery."""

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import SHOP, TRACE
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    judgment,
)


def judge(facts: Facts) -> Judgment:
    """Prove a new order whose delivery has succeeded."""
    purchases = [each for each in facts.deliveries if each.event_type == "purchase.created"]
    succeeded = [each for each in purchases if each.has_succeeded and each.attempts]
    shown = next(iter([*succeeded, *purchases]), None)
    return judgment(facts, _ordered(shown), _delivered(shown))


def _ordered(delivery: DeliveryFact | None) -> Part:
    evidence = []
    if delivery and delivery.order_id:
        evidence = [
            Evidence("order", Kind.ORDER, delivery.order_id, delivery.created_at),
            Evidence("message", Kind.MESSAGE, delivery.message_id, delivery.created_at),
        ]
    return Part(
        "ordered",
        "You bought something",
        evidence,
        "no order since the mission began; buy something",
    )


def _delivered(delivery: DeliveryFact | None) -> Part:
    label = "Its webhook was delivered"
    if delivery is None:
        return Part("delivered", label, (), "buy something first")
    attempt = next((each for each in delivery.attempts if each.has_succeeded), None)
    if not delivery.has_succeeded or attempt is None:
        last = delivery.attempts[-1] if delivery.attempts else None
        why = f", its last attempt got {last.status or last.error}" if last else ""
        return Part("delivered", label, (), f"the delivery of your order is {delivery.state}{why}")
    evidence = [
        Evidence("delivery", Kind.DELIVERY, delivery.id, delivery.completed_at),
        Evidence("attempt", Kind.ATTEMPT, delivery.id, attempt.started_at),
        Evidence("duration", Kind.VALUE, _milliseconds(delivery)),
    ]
    if attempt.receipt_id:
        evidence.append(Evidence("receipt", Kind.RECEIPT, attempt.receipt_id, attempt.started_at))
    return Part("delivered", label, evidence, "")


def _milliseconds(delivery: DeliveryFact) -> str:
    if delivery.completed_at is None:
        return "some milliseconds"
    return f"{(delivery.completed_at - delivery.created_at).total_seconds() * 1000:.0f} ms"


MISSION = Mission(
    number=3,
    title="First delivery",
    goal="Buy something, and follow its webhook from the order to the booking.",
    steps=(
        Step("Buy something in the shop.", SHOP),
        Step(
            "Open the [trace] of its [message]. Find the order, the message, the [delivery], its "
            "[attempt] and the [booking].",
            TRACE,
        ),
    ),
    hints=(
        "Put a product into the cart, then place the order. A webhook leaves the shop at once.",
        (
            "If nothing comes, look at the shop's page Deliveries: it shows each request and why "
            "it failed."
        ),
    ),
    explanation=(
        (
            "Your order is {order}. In the same transaction, the shop stored the [message] "
            "{message}: the event, byte by byte, as it is signed and sent."
        ),
        (
            "For each subscribed [endpoint] there is one [delivery] of the message. Yours is "
            "{delivery}. A delivery has one or more [attempt|attempts]. The one that succeeded is "
            "the {attempt}."
        ),
        (
            "The subscriber verified the request and left the [receipt] {receipt}. From order to "
            "answer it took {duration}."
        ),
        (
            "Keep these four apart: one order has one or more messages, a message has one delivery "
            "for each endpoint, and a delivery has as many attempts as it needs."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.event_type == "purchase.created",
    picture="first_delivery.html",
)
