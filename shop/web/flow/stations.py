"""The stations of the line, each with a number and a text. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from hookshop.webkit.state_labels import StateLabel
from shop.web.flow.facts import MAX_COUNT, EndpointFacts, Facts
from shop.web.hold_labels import waiting_sentence
from shop.web.state_labels import state_label
from shop.webhooks.rules.holds import (
    Backlog,
    Hold,
    backlog_of,
    hold_of_endpoint,
    hold_of_full,
)

WELL = state_label("well")


@dataclass(frozen=True, slots=True)
class Station:
    """A station. `reason`: what it does or, if something is wrong, the problem.

    `address`: the page with details, or "".
    """

    key: str
    name: str
    count: str
    unit: str
    reason: str
    label: StateLabel = WELL
    address: str = ""


def stations_of(facts: Facts) -> dict[str, Station]:
    """Return the stations that every order passes, by key and in that order."""
    stations = (_customer(facts), _shop(facts), _database(facts), _redis(facts), _worker(facts))
    return {station.key: station for station in stations}


def due_count(facts: Facts) -> int:
    """Return the number of deliveries that could be sent this moment."""
    return sum(_backlog(each, facts).due for each in facts.endpoints)


def waiting_count(facts: Facts) -> int:
    """Return the number of waiting deliveries."""
    return sum(_waiting(facts).values())


def waiting_station(facts: Facts) -> Station:
    """Return the station of all deliveries that cannot be sent yet."""
    count = waiting_count(facts)
    return Station(
        key="waiting",
        name="Waiting",
        count=number(count),
        unit=_deliveries(count),
        reason=waiting_sentence(_waiting(facts), number)
        or "Deliveries wait here, in the database, for their next attempt.",
        label=state_label("pending") if count else WELL,
        address="/deliveries?state=pending",
    )


def failed_station(facts: Facts) -> Station:
    """Return the station of the deliveries that ran out of retries."""
    return Station(
        key="failed",
        name="Failed",
        count=number(facts.failed),
        unit=_deliveries(facts.failed),
        reason="Out of retries. Open the log to resend them."
        if facts.failed
        else "Deliveries that ran out of retries.",
        label=state_label("failed") if facts.failed else WELL,
        address="/deliveries?state=failed",
    )


def number(count: int) -> str:
    """Return a count as text, such as `1,234`."""
    return f"{count:,}"


def _deliveries(count: int) -> str:
    return "delivery" if count == 1 else "deliveries"


def _customer(facts: Facts) -> Station:
    count = facts.orders_in_last_minute
    text = number(count) + ("+" if count >= MAX_COUNT else "")
    return Station("customer", "Customer", text, "last minute", "places orders")


def _shop(facts: Facts) -> Station:
    unit = "order" if facts.orders == 1 else "orders"
    reason = "responds at once"
    return Station("shop", "Shop", number(facts.orders), unit, reason, address="/orders")


def _database(facts: Facts) -> Station:
    # The backlog is shown at Redis while it has wake-ups, and otherwise here.
    is_held_up = not facts.redis_answers or (facts.has_no_worker and not facts.queue_length)
    has_backlog = is_held_up and due_count(facts) > 0
    reason = "one transaction for each order"
    if has_backlog:
        reason = "safe until a worker starts" if facts.has_no_worker else "workers poll it"
    return Station(
        key="database",
        name="Database",
        count=number(sum(each.pending + each.sending for each in facts.endpoints)),
        unit="undelivered",
        reason=reason,
        label=state_label("backlog") if has_backlog else WELL,
        address="/deliveries",
    )


def _redis(facts: Facts) -> Station:
    if facts.queue_length is None:
        reason = "nothing is lost: workers poll the database"
        return Station("redis", "Redis", "–", "wake-ups", reason, state_label("down"))
    has_backlog = facts.queue_length > 0 and facts.has_no_worker
    return Station(
        key="redis",
        name="Redis",
        count=number(facts.queue_length),
        unit="wake-up" if facts.queue_length == 1 else "wake-ups",
        reason="no worker takes them" if has_backlog else "only carries wake-ups",
        label=state_label("backlog") if has_backlog else WELL,
    )


def _worker(facts: Facts) -> Station:
    if facts.has_no_worker:
        return Station("worker", "Worker", "0", "alive", "nothing is sent", state_label("down"))
    if facts.workers is None:
        return Station("worker", "Worker", "?", "alive", "unknown while Redis is down")
    sending = sum(each.sending for each in facts.endpoints)
    reason = f"{number(sending)} in flight" if sending else "claims, signs, sends"
    return Station("worker", "Worker", number(facts.workers), "alive", reason)


def _waiting(facts: Facts) -> Mapping[Hold, int]:
    """Return the number of waiting deliveries by reason."""
    total = dict.fromkeys(Hold, 0)
    for each in facts.endpoints:
        for reason, count in _backlog(each, facts).by_hold.items():
            total[reason] += count
    return total


def _backlog(endpoint: EndpointFacts, facts: Facts) -> Backlog:
    return backlog_of(
        hold_of_endpoint(endpoint.status, endpoint.probe_at, endpoint.hold_until, facts.now),
        hold_of_full(endpoint.probe_at, has_free_slot=endpoint.has_free_slot),
        is_probing=endpoint.probe_at is not None,
        pending=endpoint.pending,
        due=endpoint.due,
        passing=endpoint.passing,
    )
