"""Mission 12: leaving."""

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import ENDPOINT, FLOW, SET_SCRIPT, SHOP
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
    duration,
    fault_to_set,
    judgment,
)

GONE = 410
DELIVERIES = 10
SKIP_HOURS = "skip-hours"


def judge(facts: Facts) -> Judgment:
    """Prove an endpoint that left, came back, and was then disabled because it kept failing."""
    gone = [each for each in facts.deliveries if _is_gone(each)]
    back = [each for each in facts.deliveries if gone and _is_success_after(each, gone[0])]
    return judgment(
        facts,
        Part(
            "gone",
            "The endpoint says that it is gone, and is disabled",
            [
                Evidence("gone", Kind.DELIVERY, gone[0].id, gone[0].completed_at),
                Evidence("requests", Kind.VALUE, counted(gone[0].attempt_count, "request")),
            ]
            if gone
            else (),
            f"no delivery was answered with 410; {fault_to_set(facts, 'the script 410')}",
        ),
        _back(facts, gone, back),
        _failing(facts, back),
    )


def _is_gone(delivery: DeliveryFact) -> bool:
    """Return whether a response 410 ended the delivery. The shop then disables the endpoint."""
    return delivery.state == "failed" and delivery.last_status == GONE


def _is_success_after(delivery: DeliveryFact, gone: DeliveryFact) -> bool:
    ends = (gone.completed_at, delivery.completed_at)
    return delivery.has_succeeded and bool(ends[0] and ends[1] and ends[0] < ends[1])


def _back(facts: Facts, gone: list[DeliveryFact], back: list[DeliveryFact]) -> Part:
    label = "Enabled again, it receives a webhook"
    if back:
        evidence = [Evidence("success", Kind.DELIVERY, back[0].id, back[0].completed_at)]
        return Part("back", label, evidence, "")
    endpoint = facts.our_endpoint
    if not gone:
        missing = "the endpoint has not left yet"
    elif endpoint and endpoint.status == "disabled":
        missing = "the endpoint is disabled; enable it on its page in the shop"
    elif facts.is_fault_active:
        missing = "the endpoint is enabled, but a fault is on; let the subscriber respond normally"
    else:
        missing = "the endpoint is enabled; buy something"
    return Part("back", label, (), missing)


def _failing(facts: Facts, back: list[DeliveryFact]) -> Part:
    label = f"{DELIVERIES} failed deliveries in a row disable it"
    endpoint = facts.our_endpoint
    if not back and "back" not in facts.seen:
        return Part("failing", label, (), "enable the endpoint first")
    # Without its row, the success is older than all deliveries that are read.
    since = [each for each in facts.deliveries if not back or each.created_at >= back[0].created_at]
    failed = [each for each in since if each.state == "failed"]
    if endpoint and endpoint.disabled_reason == "failing":
        evidence = [
            Evidence("endpoint", Kind.ENDPOINT, endpoint.id),
            Evidence("failed", Kind.VALUE, counted(len(failed), "delivery", "deliveries")),
        ]
        return Part("failing", label, evidence, "")
    waiting = sum(each.state in {"pending", "sending"} for each in since)
    missing = f"{len(failed)} of {DELIVERIES} deliveries have used up their attempts"
    if waiting:
        missing += f", {waiting} wait for the next one; {_skip(facts)}"
    elif not facts.is_fault_active:
        missing += "; set the fault 503, then buy"
    else:
        missing += "; buy more"
    return Part("failing", label, (), missing)


def _skip(facts: Facts) -> str:
    if facts.skip_left is None:
        return "skip two hours"
    return (
        f"time is being skipped, {duration(facts.skip_left)} to go: each attempt on the way is made"
    )


MISSION = Mission(
    number=12,
    title="Leaving",
    goal="Leave the shop politely, come back, and then be shut out for failing too often.",
    steps=(
        Step(
            "Set the fault “Script” to 410: the subscriber answers the next webhook "
            "with 410 Gone: never send anything here again.",
            SET_SCRIPT,
        ),
        Step(
            "Buy something. The shop does not retry, and disables the [endpoint].",
            SHOP,
        ),
        Step(
            "Read on its page why it is disabled, and enable it.",
            ENDPOINT,
        ),
        Step(
            "Buy once more, so that a webhook succeeds.",
            SHOP,
        ),
        Step(
            "Set the fault “Status code” to 503, and leave it on.",
            Link("Set a fault", App.SUBSCRIBER, "/faults?mode=status"),
        ),
        Step(
            "Sell ten things or more: the page Flow of the shop has buttons for many orders.",
            FLOW,
        ),
        Step(
            "Each delivery fails after six attempts. Do not wait for all of them: skip two hours. "
            "Each attempt is really made, which takes some seconds.",
            action=Action(SKIP_HOURS, "Skip two hours"),
        ),
    ),
    hints=(
        "If the endpoint is disabled, “Enable” is at the top of its page in the shop.",
        (
            "After 20 failures in a row the [circuit breaker] lets only one [probe] through at a "
            "time, so the rest takes long. Skip two hours."
        ),
        "A single success in between starts the count again: keep the fault on.",
    ),
    explanation=(
        (
            "{gone} was answered with 410, and failed after {requests}: the shop did not retry, "
            "and disabled the endpoint as gone. That is how a receiver ends a [subscription] that "
            "nobody remembers."
        ),
        "After you had enabled it, {success} succeeded.",
        (
            "Then {failed} failed without a success in between, and the shop disabled {endpoint} "
            "as failing. A sender cannot call a dead URL forever: it costs slots, "
            "and somebody else may own that address by now."
        ),
        (
            "Nothing was lost. The messages are stored, and after enabling, “Recover” on the "
            "endpoint's page sends them again. Respond normally and enable the endpoint before the "
            "next mission."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS, Need.CLOCK}),
    tools=frozenset({Tool.FAULTS, Tool.DISABLED}),
)
