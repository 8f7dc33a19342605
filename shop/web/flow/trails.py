"""Which way a delivery came: the steps that it travels in the browser. Pure: called by ``picture``.

A trail only grows: what was its beginning stays so. Whoever has seen the first seven steps plays
the rest, however much happened meanwhile, and an order that took 22 ms still visits each station.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shop.vocabulary import DeliveryState, EventType
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.places import Place, Where

MOST_STEPS = 12  # of the newest; who has missed more has not watched
REFUSED = "!"  # behind the name of an endpoint's lane


@dataclass(frozen=True, slots=True)
class Trail:
    """``steps``: the newest of them, names of stations. ``passed``: how many in all."""

    steps: tuple[str, ...]
    passed: int


def trail_of(delivery: DeliveryFacts, where: Where, *, lane: str, around_redis: bool) -> Trail:
    """The way so far. ``lane``: the name of the endpoint's lane, such as ``lane-2``.

    ``around_redis``: whether workers are not woken now but look into the database by themselves.
    It is not on record how earlier attempts came about; only the newest steps are ever played.
    """
    via = "around" if around_redis else "redis"
    steps = [
        *_beginning(delivery.event_type),
        *_attempts(delivery, lane, via),
        *_under_way(delivery, where, lane, via),
    ]
    return Trail(tuple(steps[-MOST_STEPS:]), len(steps))


def trail_of_order() -> Trail:
    """The way of an order that no endpoint wants to be told of."""
    return Trail(_beginning(EventType.PURCHASE_CREATED), 3)


def place_name(where: Where, lane: str) -> str:
    """The step that a delivery at this place has made last."""
    if where.place is Place.ENDPOINT:
        return lane
    return _landed(lane) if where.place is Place.LANDED else where.place.value


def _beginning(event_type: EventType) -> tuple[str, ...]:
    # Shipments, refunds and pings begin with the shop.
    by_customer = event_type is EventType.PURCHASE_CREATED
    return ("customer", "shop", "database") if by_customer else ("shop", "database")


def _attempts(delivery: DeliveryFacts, lane: str, via: str) -> Iterator[str]:
    """Four steps for each attempt that is over; all but the last were refused."""
    for number in range(1, delivery.attempt_count + 1):
        is_last = number == delivery.attempt_count
        if is_last and delivery.state is DeliveryState.SUCCEEDED:
            yield from (via, "worker", lane, _landed(lane))
        else:
            has_failed = is_last and delivery.state is DeliveryState.FAILED
            end = Place.FAILED if has_failed else Place.WAITING
            yield from (via, "worker", lane + REFUSED, end.value)


def _under_way(delivery: DeliveryFacts, where: Where, lane: str, via: str) -> tuple[str, ...]:
    """The steps of the attempt that is being made, or waits to be made."""
    match where.place:
        case Place.REDIS:
            return ("redis",)
        case Place.WORKER:
            return (via, "worker")
        case Place.ENDPOINT:
            return (via, "worker", lane)
        case Place.WAITING if delivery.attempt_count == 0:
            return ("waiting",)
    return ()


def _landed(lane: str) -> str:
    return f"landed-{lane}"
