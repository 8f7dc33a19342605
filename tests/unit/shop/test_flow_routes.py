from itertools import pairwise
from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EventType
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.routes import MAX_STOPS, Route, route_of, stop_of
from shop.web.flow.stages import position_of
from tests.unit.shop.flow_facts import SOON, delivery, endpoint, facts

ORDERED = ("customer", "shop", "database")
DELIVERED = ("redis", "worker", "lane-1", "delivered-lane-1")
REJECTED = ("redis", "worker", "lane-1!", "waiting")


def route(of: DeliveryFacts, *, bypass: bool = False, **engine: Any) -> Route:
    position = position_of(of, endpoint(), facts(**engine))
    assert position
    return route_of(of, position, lane="lane-1", bypass=bypass)


def test_a_purchase_begins_with_the_customer_and_anything_else_with_the_shop() -> None:
    assert route(delivery()).stops == ORDERED
    for event_type in set(EventType) - {EventType.PURCHASE_CREATED}:
        assert route(delivery(event_type=event_type)).stops == ORDERED[1:]


def test_a_delivery_that_took_milliseconds_has_passed_each_station() -> None:
    succeeded = delivery(DeliveryState.SUCCEEDED, attempt_count=1)

    assert route(succeeded) == Route((*ORDERED, *DELIVERED), 7)


def test_a_wake_up_in_the_queue_is_a_step() -> None:
    assert route(delivery(), queue_length=1).stops == (*ORDERED, "redis")


def test_a_rejected_attempt_goes_back_to_the_waiting_deliveries() -> None:
    rejected = delivery(attempt_count=1, next_attempt_at=SOON)

    assert route(rejected) == Route((*ORDERED, *REJECTED), 7)


def test_the_last_rejection_ends_among_the_failed() -> None:
    failed = delivery(DeliveryState.FAILED, attempt_count=2)

    assert route(failed).stops == (*ORDERED, *REJECTED, *REJECTED[:3], "failed")


def test_without_redis_the_route_bypasses_it() -> None:
    sending = delivery(DeliveryState.SENDING)

    assert route(sending, bypass=True).stops == (*ORDERED, "bypass", "worker", "lane-1")


def test_a_delivery_held_before_its_first_attempt_waits() -> None:
    held = delivery(next_attempt_at=SOON)

    assert route(held).stops == (*ORDERED, "waiting")


def test_a_route_only_grows_while_a_delivery_lives() -> None:
    life = [
        route(delivery()),
        route(delivery(), queue_length=1),
        route(delivery(DeliveryState.SENDING)),
        route(delivery(attempt_count=1, next_attempt_at=SOON)),
        route(delivery(attempt_count=1), queue_length=1),
        route(delivery(DeliveryState.SENDING, attempt_count=1)),
        route(delivery(DeliveryState.SUCCEEDED, attempt_count=2)),
    ]

    # A rejection is only known after the request was in flight.
    whole = [stop.rstrip("!") for stop in life[-1].stops]
    for earlier, later in pairwise(life):
        assert later.passed > earlier.passed
        assert [stop.rstrip("!") for stop in earlier.stops] == whole[: earlier.passed]


def test_a_long_route_keeps_its_newest_stops_and_counts_all_of_them() -> None:
    stubborn = route(delivery(attempt_count=9, next_attempt_at=SOON))

    assert len(stubborn.stops) == MAX_STOPS
    assert stubborn.stops[-4:] == REJECTED
    assert stubborn.passed == 3 + 9 * 4


@pytest.mark.parametrize(
    "each",
    [
        delivery(DeliveryState.SUCCEEDED, attempt_count=1),
        delivery(DeliveryState.FAILED, attempt_count=6),
        delivery(DeliveryState.SENDING),
        delivery(attempt_count=1, next_attempt_at=SOON),
        delivery(),
    ],
)
def test_a_route_ends_at_the_stop_of_the_delivery(each: DeliveryFacts) -> None:
    position = position_of(each, endpoint(), facts())
    assert position

    assert route(each).stops[-1] == stop_of(position, "lane-1")
