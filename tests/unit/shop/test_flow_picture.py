from datetime import timedelta
from typing import Any

import pytest

from shop.vocabulary import DeliveryState, EndpointStatus, EventType
from shop.web.flow.facts import MAX_COUNT, OrderFacts
from shop.web.flow.lanes import LAST_LANE, lanes_of
from shop.web.flow.picture import Picture, draw
from shop.web.flow.stations import due_count, waiting_station
from tests.unit.shop.flow_facts import NOW, SOON, delivery, endpoint, facts


def test_nothing_is_stuck_while_all_is_well() -> None:
    picture = draw(facts(delivery(DeliveryState.SUCCEEDED, attempt_count=1)))

    assert not picture.problems
    assert {station.label.tone for station in picture.stations.values()} == {"good"}


def test_a_silent_redis_is_named_and_the_backlog_is_in_the_database() -> None:
    frozen = facts(queue_length=None, workers=None, endpoints=[endpoint(pending=3, due=3)])

    picture = draw(frozen)

    assert texts(picture) == ["Redis does not answer"]
    assert "workers poll the database" in picture.problems[0].advice
    redis, database = picture.stations["redis"], picture.stations["database"]
    assert (redis.label.word, redis.label.tone) == ("down", "bad")
    assert redis.reason == "nothing is lost: workers poll the database"
    assert (database.label.word, database.count) == ("backlog", "3")
    assert picture.stations["worker"].count == "?"


def test_without_a_worker_the_backlog_is_before_it() -> None:
    idle = facts(workers=0, queue_length=3, endpoints=[endpoint(pending=3, due=3)])

    picture = draw(idle)

    assert texts(picture) == ["no worker is alive"]
    assert picture.problems[0].advice == "Start one: python -m shop.worker"
    assert picture.stations["worker"].label.word == "down"
    assert (picture.stations["redis"].label.word, picture.stations["redis"].count) == (
        "backlog",
        "3",
    )
    assert picture.stations["database"].label.word == ""


def test_without_worker_and_wake_ups_the_backlog_is_in_the_database() -> None:
    picture = draw(facts(workers=0, queue_length=0, endpoints=[endpoint(pending=1, due=1)]))

    assert picture.stations["database"].reason == "safe until a worker starts"


@pytest.mark.parametrize(
    ("changes", "word", "stuck"),
    [
        ({}, "active", False),
        ({"sending": 3}, "active", False),
        ({"pending": 2, "due": 2}, "active", False),
        ({"pending": 2, "due": 1}, "retrying", True),
        ({"status": EndpointStatus.PAUSED}, "paused", True),
        ({"status": EndpointStatus.DISABLED, "disabled_reason": "gone"}, "disabled", True),
        ({"probe_at": SOON, "concurrency": 1}, "circuit breaker open", True),
    ],
)
def test_a_lane_shows_the_state_of_its_endpoint(
    changes: dict[str, Any], word: str, stuck: bool
) -> None:
    picture = draw(facts(endpoints=[endpoint(**changes)]))

    assert [lane.label.word for lane in picture.lanes] == [word]
    assert texts(picture) == ([f"127.0.0.1:8001/hook ({word})"] if stuck else [])


def texts(picture: Picture) -> list[str]:
    return [problem.text for problem in picture.problems]


def test_what_does_not_end_by_itself_comes_first_and_is_stuck() -> None:
    retrying = endpoint(id="ep_1", pending=1, next_attempt_at=SOON)
    paused = endpoint(id="ep_2", description="Accounting", status=EndpointStatus.PAUSED)

    stuck = draw(facts(endpoints=[retrying, paused]))
    delayed = draw(facts(endpoints=[retrying]))

    assert texts(stuck) == ["Accounting (paused)", "127.0.0.1:8001/hook (retrying)"]
    assert (stuck.label.word, delayed.label.word) == ("stuck", "delayed")
    assert stuck.problems[0].address == "/endpoints/ep_2"
    assert stuck.problems[0].advice == "Resume it."


def test_a_lane_is_named_by_the_description_of_its_endpoint() -> None:
    named, unnamed = lanes_of(facts(endpoints=[endpoint(description="Accounting"), endpoint()]))

    assert (named.name, named.url) == ("Accounting", "http://127.0.0.1:8001/hook")
    assert unnamed.name == "127.0.0.1:8001/hook"


def test_a_lane_counts_down_to_the_next_attempt_or_to_the_probe() -> None:
    [refusing] = lanes_of(facts(endpoints=[endpoint(pending=1, next_attempt_at=SOON)]))
    [broken] = lanes_of(facts(endpoints=[endpoint(pending=1, due=1, probe_at=SOON, concurrency=1)]))
    [paused] = lanes_of(facts(endpoints=[endpoint(pending=1, status=EndpointStatus.PAUSED)]))

    assert (refusing.until, broken.until, paused.until) == (SOON, SOON, None)


def test_a_lane_whose_probe_is_in_flight_counts_down_to_nothing() -> None:
    probing = endpoint(pending=1, due=1, probe_at=NOW, concurrency=1, sending=1)

    [lane] = lanes_of(facts(endpoints=[probing]))

    assert (lane.reason, lane.until) == ("on hold; a probe is in flight", None)


@pytest.mark.parametrize(("count", "lanes"), [(0, 0), (6, 6), (7, 7), (8, 7), (18, 7)])
def test_lanes_that_are_too_many_share_one(count: int, lanes: int) -> None:
    endpoints = [endpoint(id=f"ep_{number}", succeeded=1) for number in range(count)]

    drawn = lanes_of(facts(endpoints=endpoints))

    assert len(drawn) == lanes
    if count > lanes:
        assert (drawn[-1].key, drawn[-1].name) == (LAST_LANE, f"and {count - 6} more")
        assert drawn[-1].succeeded == str(count - 6)


def test_it_is_said_what_waits_for_what() -> None:
    crowd = facts(
        endpoints=[
            endpoint(id="ep_1", pending=3, due=1),
            endpoint(id="ep_2", pending=4, due=4, status=EndpointStatus.PAUSED),
        ]
    )

    room = waiting_station(crowd)

    assert room.count == "6"
    assert room.reason == "2 for the next attempt, 4 on hold (endpoint paused)"
    assert due_count(crowd) == 1


def test_waiting_deliveries_are_in_the_order_in_which_they_leave() -> None:
    late = delivery(id="dlv_2", next_attempt_at=SOON.replace(minute=9))
    soon = delivery(id="dlv_1", next_attempt_at=SOON)

    assert [one.id for one in draw(facts(late, soon)).tray("waiting").dots] == ["dlv_1", "dlv_2"]


def test_a_dot_describes_its_delivery_in_words() -> None:
    rejected = delivery(attempt_count=2, next_attempt_at=SOON, outcome="500")

    [one] = draw(facts(rejected)).tray("waiting").dots

    assert one.words == (
        "$50.75, purchase.created to 127.0.0.1:8001/hook: "
        "waits for its next attempt; attempt 2: 500"
    )
    assert (one.address, one.until) == ("/deliveries/dlv_1", SOON)


def test_a_ping_has_no_order_and_sets_out_alone() -> None:
    ping = delivery(event_type=EventType.WEBHOOK_PING, order_id=None, value_cents=None)

    [one] = draw(facts(ping)).tray("database").dots

    assert one.order == "dlv_1"
    assert one.words.startswith("No order, webhook.ping")


def test_an_order_without_subscribers_ends_in_the_database() -> None:
    [one] = (
        draw(facts(orders_without_subscribers=[OrderFacts("ord_1", 1490)])).tray("database").dots
    )

    assert one.route.stops == ("customer", "shop", "database")
    assert one.words == "$14.90: no subscribers"


def test_waiting_deliveries_that_are_not_shown_are_a_number() -> None:
    crowd = draw(facts(endpoints=[endpoint(pending=100, due=40)]))

    assert crowd.more_waiting == 36


def test_dots_beyond_the_room_of_a_tray_are_hidden_and_the_first_to_leave_are_shown() -> None:
    crowd = [
        delivery(id=f"dlv_{number:02}", next_attempt_at=SOON + timedelta(seconds=number))
        for number in reversed(range(30))
    ]

    tray = draw(facts(*crowd)).tray("waiting")

    assert [one.id for one in tray.visible] == [f"dlv_{number:02}" for number in range(24)]
    assert len(tray.hidden) == 6
    assert draw(facts()).tray("waiting").visible == ()


def test_counting_has_an_end() -> None:
    picture = draw(facts(now=NOW, orders=12_345, orders_in_last_minute=MAX_COUNT, failed=1234))

    assert picture.stations["customer"].count == "5,000+"
    assert picture.stations["shop"].count == "12,345"
    assert picture.failed.count == "1,234"
