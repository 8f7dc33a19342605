"""How each station of the line is, in a number and in plain words. Pure: called by ``picture``."""

from dataclasses import dataclass

from shop.web.flow.facts import MOST_COUNTED, Facts
from shop.web.flow.places import Hold, hold_of


@dataclass(frozen=True, slots=True)
class Station:
    """``tone``: good, waiting or bad. ``reason``: what is the matter there, or what it does.

    ``word``: how it is, in a word. ``address``: where there is more about it.
    """

    key: str
    name: str
    count: str
    unit: str
    reason: str
    tone: str = "good"
    word: str = ""
    address: str = ""


def stations_of(facts: Facts) -> dict[str, Station]:
    """The stations that every order passes, by key, in that order."""
    stations = (_customer(facts), _shop(facts), _database(facts), _redis(facts), _worker(facts))
    return {station.key: station for station in stations}


def due_count(facts: Facts) -> int:
    """How many deliveries could be sent at once, if somebody did."""
    return sum(each.due for each in facts.endpoints if hold_of(each, facts.now) is None)


def waiting_count(facts: Facts) -> int:
    """How many deliveries are in the waiting room."""
    return sum(_waiting_by_endpoint(facts).values())


def waiting_room(facts: Facts) -> Station:
    """Whatever is not to be sent yet: it waits in the database, and nowhere else."""
    count = waiting_count(facts)
    return Station(
        key="waiting",
        name="Waiting room",
        count=number(count),
        unit="waits" if count == 1 else "wait",
        reason=_waiting_words(facts),
        tone="waiting" if count else "good",
        address="/deliveries?state=pending",
    )


def failed_tray(facts: Facts) -> Station:
    """The dead letters."""
    return Station(
        key="failed",
        name="Failed",
        count=number(facts.failed),
        unit="dead letter" if facts.failed == 1 else "dead letters",
        reason="All tries used up: send them again by hand."
        if facts.failed
        else "Whoever uses up all tries ends here.",
        tone="bad" if facts.failed else "good",
        address="/deliveries?state=failed",
    )


def number(count: int) -> str:
    """For people: ``1,234``; counting ends at ``5,000+``."""
    return f"{count:,}" + ("+" if count >= MOST_COUNTED else "")


def _customer(facts: Facts) -> Station:
    return Station(
        "customer",
        "Customer",
        number(facts.orders_of_last_minute),
        "in a minute",
        "buys something",
    )


def _shop(facts: Facts) -> Station:
    unit = "order" if facts.orders == 1 else "orders"
    reason = "answers at once"
    return Station("shop", "Shop", number(facts.orders), unit, reason, address="/orders")


def _database(facts: Facts) -> Station:
    # While wake-ups are queued, it is there that they pile up.
    is_held_up = not facts.redis_answers or (facts.nobody_works and not facts.queue_length)
    piles_up = is_held_up and due_count(facts) > 0
    reason = "keeps all of it, in one commit"
    if piles_up:
        reason = "safe until a worker comes" if facts.nobody_works else "workers come and look here"
    return Station(
        key="database",
        name="Database",
        count=number(sum(each.pending + each.sending for each in facts.endpoints)),
        unit="not told yet",
        reason=reason,
        tone="waiting" if piles_up else "good",
        word="piling up" if piles_up else "",
        address="/deliveries",
    )


def _redis(facts: Facts) -> Station:
    if facts.queue_length is None:
        reason = "nothing is lost: all goes past it"
        return Station("redis", "Redis", "–", "wake-ups", reason, tone="bad", word="away")
    is_held_up = facts.queue_length > 0 and facts.nobody_works
    return Station(
        key="redis",
        name="Redis",
        count=number(facts.queue_length),
        unit="wake-up" if facts.queue_length == 1 else "wake-ups",
        reason="no worker hears them" if is_held_up else "wakes workers, holds ids only",
        tone="waiting" if is_held_up else "good",
        word="piling up" if is_held_up else "",
    )


def _worker(facts: Facts) -> Station:
    if facts.nobody_works:
        reason = "all waits before it"
        return Station("worker", "Worker", "0", "alive", reason, tone="bad", word="gone")
    if facts.workers is None:
        reason = "who is alive, only Redis could tell"
        return Station("worker", "Worker", "?", "alive", reason)
    sending = sum(each.sending for each in facts.endpoints)
    reason = "claims, signs, sends"
    if sending:
        reason = f"{number(sending)} on the way to endpoints"
    return Station("worker", "Worker", number(facts.workers), "alive", reason)


_HELD_WORDS: dict[Hold | None, str] = {
    Hold.PAUSED: "for a paused endpoint",
    Hold.DISABLED: "for a disabled endpoint",
    Hold.BREAKER: "for an endpoint whose breaker is open",
    Hold.RETRY_AFTER: "for an endpoint that asked for a pause",
    Hold.TURN: "for a turn at a busy endpoint",
    None: "for the next try",
}


def _waiting_words(facts: Facts) -> str:
    """How many wait for what, as in "In the database: 2 for the next try."."""
    waiting = _waiting_by_endpoint(facts)
    by_hold: dict[Hold | None, int] = dict.fromkeys((None, *Hold), 0)
    for each in facts.endpoints:
        by_hold[hold_of(each, facts.now)] += waiting[each.id]
    parts = [f"{number(count)} {_HELD_WORDS[hold]}" for hold, count in by_hold.items() if count]
    if not parts:
        return "In the database: what was refused waits here for its next try."
    return f"In the database: {', '.join(parts)}."


def _waiting_by_endpoint(facts: Facts) -> dict[str, int]:
    """What waits for each endpoint, by id: all of it, or what is not due yet."""
    return {
        each.id: each.pending if hold_of(each, facts.now) else each.pending - each.due
        for each in facts.endpoints
    }
