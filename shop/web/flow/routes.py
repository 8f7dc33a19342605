"""The route of a delivery: the stops through which the browser animates it, in order. Pure.

A route only grows; its beginning never changes. A browser that has shown the first seven stops
shows the rest next. So even an order that took 22 ms visits each station.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shop.vocabulary import DeliveryState, EventType
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.stages import Position, Stage

MAX_STOPS = 12  # the newest ones; a page that has missed more was not visible
BYPASS = "bypass"  # in place of Redis: workers poll the database
REJECTED = "!"  # follows the name of an endpoint's lane


@dataclass(frozen=True, slots=True)
class Route:
    """A route. `stops`: the newest ones, by name. `passed`: the number of all stops so far."""

    stops: tuple[str, ...]
    passed: int


def route_of(delivery: DeliveryFacts, position: Position, *, lane: str, bypass: bool) -> Route:
    """Return the route so far. `lane`: the name of the endpoint's lane, such as `lane-2`.

    `bypass`: whether workers poll the database now instead of being woken. It is also used for
    earlier attempts, whose way is not recorded; usually only the newest stops are animated.
    """
    via = BYPASS if bypass else Stage.REDIS.value
    stops = [
        *_beginning(delivery.event_type),
        *_attempts(delivery, lane, via),
        *_current_attempt(delivery, position, lane, via),
    ]
    return Route(tuple(stops[-MAX_STOPS:]), len(stops))


def route_of_order() -> Route:
    """Return the route of an order without subscribers."""
    return Route(_beginning(EventType.PURCHASE_CREATED), 3)


def stop_of(position: Position, lane: str) -> str:
    """Return the name of the stop for a position, which is the last stop of the route."""
    if position.stage is Stage.ENDPOINT:
        return lane
    return delivered_stop(lane) if position.stage is Stage.DELIVERED else position.stage.value


def delivered_stop(lane: str) -> str:
    """Return the name of the stop for succeeded deliveries of this lane."""
    return f"{Stage.DELIVERED.value}-{lane}"


def _beginning(event_type: EventType) -> tuple[str, ...]:
    # Shipments, refunds and pings start at the shop.
    by_customer = event_type is EventType.PURCHASE_CREATED
    return ("customer", "shop", "database") if by_customer else ("shop", "database")


def _attempts(delivery: DeliveryFacts, lane: str, via: str) -> Iterator[str]:
    """Yield four stops for each finished attempt; all but the last were rejected."""
    for number in range(1, delivery.attempt_count + 1):
        is_last = number == delivery.attempt_count
        if is_last and delivery.state is DeliveryState.SUCCEEDED:
            yield from (via, "worker", lane, delivered_stop(lane))
        else:
            has_failed = is_last and delivery.state is DeliveryState.FAILED
            end = Stage.FAILED if has_failed else Stage.WAITING
            yield from (via, "worker", lane + REJECTED, end.value)


def _current_attempt(
    delivery: DeliveryFacts, position: Position, lane: str, via: str
) -> tuple[str, ...]:
    """Return the stops of the attempt that is in flight or still to come."""
    match position.stage:
        case Stage.REDIS:
            return ("redis",)
        case Stage.WORKER:
            return (via, "worker")
        case Stage.ENDPOINT:
            return (via, "worker", lane)
        case Stage.WAITING if delivery.attempt_count == 0:
            return ("waiting",)
    return ()
