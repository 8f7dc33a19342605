from itertools import pairwise
from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EventType
from shop.web.flow.facts import DeliveryFacts
from shop.web.flow.places import where_is
from shop.web.flow.trails import MOST_STEPS, Trail, place_name, trail_of
from tests.unit.shop.flow_facts import SOON, delivery, endpoint, facts

ORDERED = ("customer", "shop", "database")
DELIVERED = ("redis", "worker", "lane-1", "landed-lane-1")
REFUSED = ("redis", "worker", "lane-1!", "waiting")


def trail(of: DeliveryFacts, *, around_redis: bool = False, **engine: Any) -> Trail:
    where = where_is(of, endpoint(), facts(**engine))
    assert where
    return trail_of(of, where, lane="lane-1", around_redis=around_redis)


def test_a_purchase_begins_with_the_customer_and_anything_else_with_the_shop() -> None:
    assert trail(delivery()).steps == ORDERED
    for event_type in set(EventType) - {EventType.PURCHASE_CREATED}:
        assert trail(delivery(event_type=event_type)).steps == ORDERED[1:]


def test_a_delivery_that_took_milliseconds_has_passed_each_station() -> None:
    succeeded = delivery(DeliveryState.SUCCEEDED, attempt_count=1)

    assert trail(succeeded) == Trail((*ORDERED, *DELIVERED), 7)


def test_a_wake_up_in_the_queue_is_a_step() -> None:
    assert trail(delivery(), queue_length=1).steps == (*ORDERED, "redis")


def test_a_refused_attempt_goes_back_to_the_waiting_room() -> None:
    refused = delivery(attempt_count=1, next_attempt_at=SOON)

    assert trail(refused) == Trail((*ORDERED, *REFUSED), 7)


def test_the_last_refusal_ends_among_the_failed() -> None:
    failed = delivery(DeliveryState.FAILED, attempt_count=2)

    assert trail(failed).steps == (*ORDERED, *REFUSED, *REFUSED[:3], "failed")


def test_without_redis_the_way_leads_past_it() -> None:
    sending = delivery(DeliveryState.SENDING)

    assert trail(sending, around_redis=True).steps == (*ORDERED, "around", "worker", "lane-1")


def test_what_is_held_back_before_its_first_try_goes_into_the_waiting_room() -> None:
    held = delivery(next_attempt_at=SOON)

    assert trail(held).steps == (*ORDERED, "waiting")


def test_a_trail_only_grows_while_a_delivery_lives() -> None:
    life = [
        trail(delivery()),
        trail(delivery(), queue_length=1),
        trail(delivery(DeliveryState.SENDING)),
        trail(delivery(attempt_count=1, next_attempt_at=SOON)),
        trail(delivery(attempt_count=1), queue_length=1),
        trail(delivery(DeliveryState.SENDING, attempt_count=1)),
        trail(delivery(DeliveryState.SUCCEEDED, attempt_count=2)),
    ]

    # A refusal is known only afterwards; before it, the request was on its way there.
    way = [step.rstrip("!") for step in life[-1].steps]
    for earlier, later in pairwise(life):
        assert later.passed > earlier.passed
        assert [step.rstrip("!") for step in earlier.steps] == way[: earlier.passed]


def test_a_long_trail_keeps_its_newest_steps_and_counts_all_of_them() -> None:
    stubborn = trail(delivery(attempt_count=9, next_attempt_at=SOON))

    assert len(stubborn.steps) == MOST_STEPS
    assert stubborn.steps[-4:] == REFUSED
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
def test_a_trail_ends_where_the_delivery_stands(each: DeliveryFacts) -> None:
    where = where_is(each, endpoint(), facts())
    assert where

    assert trail(each).steps[-1] == place_name(where, "lane-1")
