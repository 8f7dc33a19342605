from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EndpointStatus, EventType
from shop.web.flow.facts import MOST_COUNTED, OrderFacts
from shop.web.flow.lanes import LAST_LANE, lanes_of
from shop.web.flow.picture import draw
from shop.web.flow.stations import due_count, waiting_room
from tests.unit.shop.flow_facts import NOW, SOON, delivery, endpoint, facts


def test_nothing_is_stuck_while_all_is_well() -> None:
    picture = draw(facts(delivery(DeliveryState.SUCCEEDED, attempt_count=1)))

    assert picture.stuck == []
    assert {station.tone for station in picture.stations.values()} == {"good"}


def test_a_silent_redis_is_named_and_what_is_due_piles_up_in_the_database() -> None:
    frozen = facts(queue_length=None, workers=None, endpoints=[endpoint(pending=3, due=3)])

    picture = draw(frozen)

    assert picture.stuck == ["Redis does not answer"]
    redis, database = picture.stations["redis"], picture.stations["database"]
    assert (redis.word, redis.tone) == ("away", "bad")
    assert redis.reason == "nothing is lost: all goes past it"
    assert (database.word, database.count) == ("piling up", "3")
    assert picture.stations["worker"].count == "?"


def test_without_a_worker_everything_piles_up_before_it() -> None:
    idle = facts(workers=0, queue_length=3, endpoints=[endpoint(pending=3, due=3)])

    picture = draw(idle)

    assert picture.stuck == ["no worker is alive"]
    assert picture.stations["worker"].word == "gone"
    assert (picture.stations["redis"].word, picture.stations["redis"].count) == ("piling up", "3")
    assert picture.stations["database"].word == ""


def test_without_worker_and_wake_ups_it_piles_up_in_the_database() -> None:
    picture = draw(facts(workers=0, queue_length=0, endpoints=[endpoint(pending=1, due=1)]))

    assert picture.stations["database"].reason == "safe until a worker comes"


@pytest.mark.parametrize(
    ("changes", "word", "stuck"),
    [
        ({}, "active", False),
        ({"sending": 3}, "active", False),
        ({"pending": 2, "due": 2}, "active", False),
        ({"pending": 2, "due": 1}, "refuses", True),
        ({"status": EndpointStatus.PAUSED}, "paused", True),
        ({"status": EndpointStatus.DISABLED, "disabled_reason": "gone"}, "disabled", True),
        ({"probe_at": SOON, "share": 1}, "breaker open", True),
    ],
)
def test_a_lane_says_how_its_endpoint_is(changes: dict[str, Any], word: str, stuck: bool) -> None:
    picture = draw(facts(endpoints=[endpoint(**changes)]))

    assert [lane.word for lane in picture.lanes] == [word]
    assert picture.stuck == ([f"127.0.0.1:8001/hook: {word}"] if stuck else [])


def test_a_lane_counts_down_to_the_next_try_or_to_the_probe() -> None:
    [refusing] = lanes_of(facts(endpoints=[endpoint(pending=1, next_attempt_at=SOON)]))
    [broken] = lanes_of(facts(endpoints=[endpoint(pending=1, due=1, probe_at=SOON, share=1)]))
    [paused] = lanes_of(facts(endpoints=[endpoint(pending=1, status=EndpointStatus.PAUSED)]))

    assert (refusing.until, broken.until, paused.until) == (SOON, SOON, None)


@pytest.mark.parametrize(("count", "lanes"), [(0, 0), (6, 6), (7, 7), (8, 7), (18, 7)])
def test_lanes_that_are_too_many_share_one(count: int, lanes: int) -> None:
    endpoints = [endpoint(id=f"ep_{number}", succeeded=1) for number in range(count)]

    drawn = lanes_of(facts(endpoints=endpoints))

    assert len(drawn) == lanes
    if count > lanes:
        assert (drawn[-1].key, drawn[-1].label) == (LAST_LANE, f"and {count - 6} more")
        assert drawn[-1].succeeded == str(count - 6)


def test_the_waiting_room_says_what_waits_for_what() -> None:
    crowd = facts(
        endpoints=[
            endpoint(id="ep_1", pending=3, due=1),
            endpoint(id="ep_2", pending=4, due=4, status=EndpointStatus.PAUSED),
        ]
    )

    room = waiting_room(crowd)

    assert room.count == "6"
    assert room.reason == "In the database: 2 for the next try, 4 for a paused endpoint."
    assert due_count(crowd) == 1


def test_the_first_to_leave_stands_first_in_the_waiting_room() -> None:
    late = delivery(id="dlv_2", next_attempt_at=SOON.replace(minute=9))
    soon = delivery(id="dlv_1", next_attempt_at=SOON)

    assert [one.id for one in draw(facts(late, soon)).tray("waiting")] == ["dlv_1", "dlv_2"]


def test_a_traveller_says_all_of_itself_in_words() -> None:
    refused = delivery(attempt_count=2, next_attempt_at=SOON, outcome="500")

    [one] = draw(facts(refused)).tray("waiting")

    assert one.words == (
        "$50.75, purchase.created for 127.0.0.1:8001/hook: waits for its next try; attempt 2: 500"
    )
    assert (one.address, one.until) == ("/deliveries/dlv_1", SOON)


def test_a_ping_has_no_order_and_travels_by_itself() -> None:
    ping = delivery(event_type=EventType.WEBHOOK_PING, order_id=None, value_cents=None)

    [one] = draw(facts(ping)).tray("database")

    assert one.order == "dlv_1"
    assert one.words.startswith("No order, webhook.ping")


def test_an_order_that_nobody_wants_to_be_told_of_ends_in_the_database() -> None:
    [one] = draw(facts(untold=[OrderFacts("ord_1", 1490)])).tray("database")

    assert one.trail.steps == ("customer", "shop", "database")
    assert one.words == "$14.90: no endpoint wants to be told of this order"


def test_what_is_not_shown_is_a_number() -> None:
    crowd = draw(facts(endpoints=[endpoint(pending=100, due=40)]))

    assert crowd.waiting_behind == 36


def test_counting_has_an_end() -> None:
    picture = draw(facts(now=NOW, orders=MOST_COUNTED, failed=1234))

    assert picture.stations["shop"].count == "5,000+"
    assert picture.failed.count == "1,234"
