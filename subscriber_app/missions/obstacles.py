"""Why a mission cannot go on, and the way back. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from subscriber_app.missions.facts import DeliveryFact, Facts
from subscriber_app.missions.failing_endpoints import fails_on_purpose
from subscriber_app.missions.mission import Mission, Need, Tool, Track

# A running worker sends what is due within a second, even on a busy machine.
MAX_OVERDUE = timedelta(seconds=10)


class WayBack(StrEnum):
    """What one click repairs."""

    RESPOND_NORMALLY = "respond-normally"
    SWITCH_ON_DEFENCES = "switch-on-defenses"
    ACTIVATE_ENDPOINT = "activate-endpoint"
    RESPOND_AND_ACTIVATE = "respond-and-activate"
    SUBSCRIBE = "subscribe"
    REMOVE_FORGED_BOOKINGS = "remove-forged-bookings"
    REMOVE_FAILING_ENDPOINTS = "remove-failing-endpoints"
    RECOVER_UNDELIVERED = "recover-undelivered"


LABELS = {
    WayBack.RESPOND_NORMALLY: "Respond normally",
    WayBack.SWITCH_ON_DEFENCES: "Switch all defenses on",
    WayBack.ACTIVATE_ENDPOINT: "Activate the endpoint",
    WayBack.RESPOND_AND_ACTIVATE: "Respond normally and activate the endpoint",
    WayBack.SUBSCRIBE: "Subscribe",
    WayBack.REMOVE_FORGED_BOOKINGS: "Remove forged bookings",
    WayBack.REMOVE_FAILING_ENDPOINTS: "Delete it",
    WayBack.RECOVER_UNDELIVERED: "Recover them",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stops the mission. ``way_back``: None if no click here can repair it."""

    text: str
    way_back: WayBack | None = None


def obstacles(mission: Mission, facts: Facts) -> list[Obstacle]:
    """Return everything that stops this mission now."""
    if mission.track is Track.BUILD:
        return [*_of_own_receiver(facts), *_in_the_shop(mission, facts)]
    return [*_in_the_subscriber(mission, facts), *_in_the_shop(mission, facts)]


def _of_own_receiver(facts: Facts) -> Iterator[Obstacle]:
    own = facts.own_receiver
    if own and facts.endpoints and not facts.our_endpoint:
        yield Obstacle(
            f"The shop does not have the endpoint {own.endpoint_id} any more. Remove your receiver "
            "here, then register it again."
        )


def _in_the_subscriber(mission: Mission, facts: Facts) -> Iterator[Obstacle]:
    if facts.subscription is None and Tool.UNSUBSCRIBED not in mission.tools:
        yield Obstacle("The subscriber is not subscribed: no webhooks come.", WayBack.SUBSCRIBE)
    if facts.is_fault_active and Tool.FAULTS not in mission.tools:
        yield Obstacle("A fault is on: the subscriber fails on purpose.", WayBack.RESPOND_NORMALLY)
    if facts.off and Tool.DEFENCES not in mission.tools:
        yield Obstacle(
            "A defense is off: hostile requests may be accepted.", WayBack.SWITCH_ON_DEFENCES
        )
    if facts.has_forged_bookings and Need.MONEY in mission.needs:
        yield Obstacle(
            "An attack of another mission was booked: the difference cannot become 0.",
            WayBack.REMOVE_FORGED_BOOKINGS,
        )
    elif Need.MONEY in mission.needs and _is_money_lost_before(facts):
        yield Obstacle(
            "Webhooks from before the mission are undelivered: the difference cannot become 0.",
            WayBack.RECOVER_UNDELIVERED,
        )


def _is_money_lost_before(facts: Facts) -> bool:
    """Return whether money is missing that no delivery of the mission will bring."""
    money, endpoint = facts.money, facts.our_endpoint
    return (
        money is not None
        and money.is_settled
        and money.difference_cents < 0
        and not facts.is_fault_active
        and endpoint is not None
        and endpoint.status == "active"
        and all(each.has_succeeded for each in facts.deliveries)
    )


def _in_the_shop(mission: Mission, facts: Facts) -> Iterator[Obstacle]:
    endpoint = facts.our_endpoint
    # Its webhooks never arrive, so money is never settled. Skipping a day waits for each probe.
    failing = [each for each in facts.endpoints if fails_on_purpose(each.webhook_url)]
    if failing and Need.DELIVERIES_ELSEWHERE not in mission.needs:
        yield Obstacle(
            "An endpoint of another mission is still registered, and fails on purpose.",
            WayBack.REMOVE_FAILING_ENDPOINTS,
        )
    if facts.shop_problem:
        yield Obstacle(f"The shop does not answer: {facts.shop_problem}. Is it running?")
    elif endpoint and endpoint.status == "disabled" and Tool.DISABLED in mission.tools:
        return
    elif endpoint and endpoint.status != "active":
        yield _inactive(mission, facts, endpoint.status)
    elif (
        endpoint
        and endpoint.breaker == "closed"
        and any(_is_overdue(each, facts) for each in facts.deliveries)
    ):
        yield Obstacle("A delivery is due, but nothing is sent. Is the shop's worker running?")


def _inactive(mission: Mission, facts: Facts, status: str) -> Obstacle:
    whose = "your" if mission.track is Track.BUILD else "our"
    if facts.is_fault_active:  # what is still pending would get the endpoint disabled again
        return Obstacle(
            f"The shop has {status} {whose} endpoint, and a fault is still on.",
            WayBack.RESPOND_AND_ACTIVATE,
        )
    return Obstacle(
        f"The shop has {status} {whose} endpoint: nothing is sent.", WayBack.ACTIVATE_ENDPOINT
    )


def _is_overdue(delivery: DeliveryFact, facts: Facts) -> bool:
    due_at = delivery.next_attempt_at
    return delivery.state == "pending" and due_at is not None and facts.now - due_at > MAX_OVERDUE
