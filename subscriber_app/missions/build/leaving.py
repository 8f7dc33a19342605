"""Build mission 12: leaving."""

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import OWN_ENDPOINT, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    Tool,
    Track,
    judgment,
)

GONE = 410


def judge(facts: Facts) -> Judgment:
    """Prove that the receiver said it is gone, and that it received again once it was enabled."""
    gone = next((each for each in facts.deliveries if _is_gone(each)), None)
    return judgment(
        facts,
        Part(
            "gone",
            "Your receiver answers 410, and the shop disables its endpoint",
            [Evidence("gone", Kind.DELIVERY, gone.id, gone.completed_at)] if gone else (),
            "no delivery was answered with 410; let your receiver answer so, then buy",
        ),
        _back(facts, gone),
    )


def _is_gone(delivery: DeliveryFact) -> bool:
    """Return whether a response 410 ended the delivery. The shop then disables the endpoint."""
    return delivery.state == "failed" and delivery.last_status == GONE


def _back(facts: Facts, gone: DeliveryFact | None) -> Part:
    label = "Enabled again, it receives a webhook"
    for each in facts.deliveries:
        ended = each.completed_at
        if (
            gone
            and gone.completed_at
            and each.has_succeeded
            and ended
            and ended > gone.completed_at
        ):
            evidence = [Evidence("success", Kind.DELIVERY, each.id, ended)]
            return Part("back", label, evidence, "")
    endpoint = facts.our_endpoint
    missing = "the endpoint is enabled; let your receiver answer 2xx, and buy something"
    if gone is None:
        missing = "your receiver has not left yet"
    elif endpoint and endpoint.status == "disabled":
        missing = "the endpoint is disabled; enable it on its page in the shop"
    return Part("back", label, (), missing)


MISSION = Mission(
    track=Track.BUILD,
    number=12,
    title="Leaving",
    goal="Let your receiver leave politely, and come back.",
    steps=(
        Step("Let your receiver answer 410 Gone, then buy something.", SHOP),
        Step(
            "The shop does not retry, and disables the [endpoint]. Let your receiver answer 2xx "
            "again, and enable the endpoint on its page in the shop.",
            OWN_ENDPOINT,
        ),
        Step("Buy something again.", SHOP),
    ),
    hints=(
        (
            "The receiver of this page leaves with the command echo 410 > closed in its folder, "
            "and comes back with rm closed."
        ),
        "410 means: never send anything here again. 404 means only that something is wrong now.",
        "What was sold while the endpoint was disabled can be recovered on its page in the shop.",
    ),
    explanation=(
        "{gone} was answered with 410: the shop stopped at once. Enabled again, {success} came.",
        (
            "A service that is switched off for good says 410, so that senders stop. Otherwise "
            "they "
            "retry for days and disable the endpoint because it keeps failing."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    tools=frozenset({Tool.DISABLED}),
)
