"""The stations of the line, each with a number and a text. Pure."""

from dataclasses import dataclass

from hookshop.webkit.state_labels import StateLabel
from shop.web.flow.facts import MAX_COUNT, Facts
from shop.web.flow.stages import Hold, hold_of
from shop.web.state_labels import state_label

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
    """Return the number of deliveries that are due and not held back by their endpoint."""
    return sum(each.due for each in facts.endpoints if hold_of(each, facts.now) is None)


def waiting_count(facts: Facts) -> int:
    """Return the number of waiting deliveries."""
    return sum(_waiting_by_endpoint(facts).values())


def waiting_station(facts: Facts) -> Station:
    """Return the station of all deliveries that cannot be sent yet."""
    count = waiting_count(facts)
    return Station(
        key="waiting",
        name="Waiting",
        count=number(count),
        unit=_deliveries(count),
        reason=_waiting_reason(facts),
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
    """Return a count as text: `1,234`, or `5,000+` where counting stops."""
    return f"{count:,}" + ("+" if count >= MAX_COUNT else "")


def _deliveries(count: int) -> str:
    return "delivery" if count == 1 else "deliveries"


def _customer(facts: Facts) -> Station:
    count = number(facts.orders_in_last_minute)
    return Station("customer", "Customer", count, "in the last minute", "places orders")


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


_WAITING_FOR: dict[Hold | None, str] = {
    Hold.PAUSED: "for a paused endpoint",
    Hold.DISABLED: "for a disabled endpoint",
    Hold.BREAKER: "for an endpoint with an open circuit breaker",
    Hold.RETRY_AFTER: "for an endpoint that sent Retry-After",
    Hold.CONCURRENCY: "for a free slot of a busy endpoint",
    None: "for the next attempt",
}


def _waiting_reason(facts: Facts) -> str:
    """Return the numbers by reason, such as `In the database: 2 for the next attempt.`."""
    waiting = _waiting_by_endpoint(facts)
    by_hold: dict[Hold | None, int] = dict.fromkeys((None, *Hold), 0)
    for each in facts.endpoints:
        by_hold[hold_of(each, facts.now)] += waiting[each.id]
    parts = [f"{number(count)} {_WAITING_FOR[hold]}" for hold, count in by_hold.items() if count]
    if not parts:
        return "Rejected deliveries wait in the database for the next attempt."
    return f"In the database: {', '.join(parts)}."


def _waiting_by_endpoint(facts: Facts) -> dict[str, int]:
    """Return the number of waiting deliveries by endpoint id.

    If the endpoint holds them back, these are all pending ones, otherwise those not yet due.
    """
    return {
        each.id: each.pending if hold_of(each, facts.now) else each.pending - each.due
        for each in facts.endpoints
    }
