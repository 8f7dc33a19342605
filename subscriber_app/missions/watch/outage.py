"""Mission 13: the outage."""

from collections.abc import Sequence

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import FLOW, RESPOND_NORMALLY
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Question,
    Step,
    Tool,
    dollars,
    fault_to_set,
    judgment,
)
from subscriber_app.vocabulary import Reason

PREDICTION = "difference"
SALES = 20
_LABELS = {
    "less": "negative: sales during the outage are lost",
    "zero": "0: nothing is lost, nothing is booked twice",
    "more": "positive: retries are booked twice",
}


def judge(facts: Facts) -> Judgment:
    """Prove that an outage hit many purchases, and that all of them were booked once in the end."""
    answer = facts.answers.get(PREDICTION)
    hit = _hit(facts)
    evidence = []
    if len(hit) >= SALES:
        evidence = [
            Evidence("first", Kind.DELIVERY, hit[0].id, hit[0].created_at),
            Evidence("last", Kind.DELIVERY, hit[-1].id, hit[-1].created_at),
            Evidence("sales", Kind.VALUE, str(len(hit))),
        ]
    return judgment(
        facts,
        Part(
            "predicted",
            "You predicted the difference",
            [Evidence("prediction", Kind.VALUE, _LABELS[answer.text], answer.at)] if answer else (),
            "predict the difference first",
        ),
        Part(
            "hit",
            f"An outage hits {SALES} purchases",
            evidence,
            f"{len(hit)} of {SALES} purchases were hit by an outage; "
            + fault_to_set(facts, "the fault “Closed connection”", "sell 20 things"),
        ),
        _delivered(facts, hit),
        _balanced(facts, hit),
    )


def _hit(facts: Facts) -> list[DeliveryFact]:
    """Return the deliveries that failed once, or could not be sent before the outage was over."""
    failures = [each for each in facts.receipts if each.reason is Reason.SIMULATED_FAULT]
    failed = {each.message_id for each in failures}
    last = max((each.received_at for each in failures), default=None)

    def is_hit(delivery: DeliveryFact) -> bool:
        if delivery.message_id in failed or (
            delivery.attempt_count and delivery.state in {"pending", "failed"}
        ):
            return True
        ended = delivery.completed_at or facts.now
        return last is not None and delivery.created_at <= last < ended

    purchases = [each for each in facts.deliveries if each.event_type == "purchase.created"]
    return [each for each in purchases if is_hit(each)]


def _delivered(facts: Facts, hit: Sequence[DeliveryFact]) -> Part:
    label = "All of them are delivered in the end"
    waiting = [each for each in hit if not each.has_succeeded]
    if len(hit) >= SALES and not waiting:
        evidence = [Evidence("recovered", Kind.DELIVERY, hit[-1].id, hit[-1].completed_at)]
        return Part("delivered", label, evidence, "")
    failed = sum(each.state == "failed" for each in hit)
    missing = f"{len(waiting)} of {len(hit)} are still undelivered"
    if facts.is_fault_active:
        missing += "; let the subscriber respond normally again"
    elif failed:
        missing += f"; {failed} have used up their attempts: recover them in the shop"
    return Part("delivered", label, (), missing)


def _balanced(facts: Facts, hit: Sequence[DeliveryFact]) -> Part:
    label = "The difference is 0"
    money = facts.money
    if money is None or not money.is_settled or len(hit) < SALES:
        return Part("balanced", label, (), "not all webhooks have arrived yet")
    if money.difference_cents:
        missing = f"the difference is {dollars(money.difference_cents)}"
        # Sold while the endpoint was disabled, or failed in an earlier mission.
        if money.difference_cents < 0:
            missing += ": recover what the endpoint has missed, on its page in the shop"
        return Part("balanced", label, (), missing)
    return Part("balanced", label, [Evidence("difference", Kind.VALUE, dollars(0), facts.now)], "")


MISSION = Mission(
    number=13,
    title="The outage",
    goal="Stop the receiver, sell 20 things, recover, and count whether anything is lost.",
    steps=(
        Step(
            "Predict: after the outage, what is the difference between the money that was booked "
            "and the money that was sold? Answer above."
        ),
        Step(
            "Stop the receiver: set the fault “Closed connection”: to the shop, it "
            "looks as if the process had crashed.",
            Link("Set a fault", App.SUBSCRIBER, "/faults?mode=drop"),
        ),
        Step(
            "Sell 20 things: the page Flow of the shop has a button for that. Watch them pile up.",
            FLOW,
        ),
        Step(
            "End the outage: respond normally. The [circuit breaker] lets one [probe] through, "
            "then everything that has waited.",
            RESPOND_NORMALLY,
        ),
        Step(
            "If some deliveries used up their attempts, recover them on the page of the endpoint.",
            Link("Endpoint", App.SHOP, "/endpoints/{endpoint}#recover-heading", "/endpoints"),
        ),
    ),
    questions=(
        Question(PREDICTION, "The difference after the outage", choices=tuple(_LABELS.items())),
    ),
    hints=(
        "Any fault that fails will do: a status such as 503, no response, a dropped connection.",
        (
            "After 20 failures in a row the circuit breaker opens, and nothing is sent but a test "
            "request from time to time. Look at the page Flow: it says what waits, and until when."
        ),
        (
            "An outage of more than a minute uses up the attempts of the demo's schedule. “Recover "
            "undelivered messages” on the endpoint's page sends them again."
        ),
    ),
    explanation=(
        (
            "The outage hit {sales} purchases, from {first} to {last}. You predicted "
            "“{prediction}”; the difference is {difference}."
        ),
        (
            "Nothing was lost, because the shop keeps each [message] until somebody has confirmed "
            "it. Nothing was booked twice, because the subscriber recognizes a [duplicate]."
        ),
        (
            "The receiver did not have to do anything but come back: the sender's [retry|retries] "
            "and its [backlog] did the rest. The circuit breaker kept the shop from hammering a "
            "receiver that was down."
        ),
        (
            "For longer outages, a sender needs one more thing: a way to resend everything since a "
            "time, such as “Recover”."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS, Need.MONEY}),
    tools=frozenset({Tool.FAULTS}),
    picture="outage.html",
)
