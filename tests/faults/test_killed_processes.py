"""Processes are killed or suspended at critical moments: all is delivered and booked once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from tests.faults.conftest import Report
from tests.faults.proxy import gate_to_redis, no_op
from tests.faults.world import World
from tests.programs import client, inject_fault, wait_until
from tests.waiting import wait_for

# The response timeout. A lease expires three seconds after it.
SETTINGS = {"SHOP_REQUEST_TIMEOUT_SECONDS": "2"}
RECOVERY_SECONDS = 15
CUSTOMERS = 12
TWICE = {"accepted": 1, "duplicate": 1}


def test_a_worker_killed_in_mid_request(world: World, report: Report) -> None:
    world.proxy.hold(1)
    world.order()
    wait_for(lambda: world.proxy.waiting, "a request is on its way")

    world.kill("worker")
    world.start("worker")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    world.proxy.release()  # the first request arrives late
    wait_for(lambda: world.books.verdicts() == TWICE, "both requests arrive")
    assert world.proxy.requests == 2
    report()


def test_a_worker_killed_between_the_2xx_and_its_record(world: World, report: Report) -> None:
    with world.books.shop.write_lock() as lock:
        world.proxy.on_answer = lock.take
        world.proxy.on_answer_read = lambda: world.kill("worker")
        world.order()
        wait_for(lambda: not world.is_running("worker"), "the worker is killed")
    assert world.books.of_shop("SELECT state, attempt_count FROM delivery") == [("sending", 0)]

    world.proxy.on_answer = world.proxy.on_answer_read = no_op
    world.start("worker")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert world.books.verdicts() == TWICE
    report()


def test_a_result_after_the_lease_has_expired_is_discarded(world: World, report: Report) -> None:
    world.proxy.hold(1)
    world.order()
    wait_for(lambda: world.proxy.waiting, "a request is on its way")

    world.freeze("worker")
    world.start("second worker")
    world.books.wait_until_delivered(RECOVERY_SECONDS)
    world.proxy.release()
    world.thaw("worker")

    wait_for(lambda: "claim is no longer valid" in world.log("worker"), "the first one is refused")
    wait_for(lambda: sum(world.books.verdicts().values()) == 2, "both requests arrive")
    attempts = world.books.of_shop("SELECT number, response_status FROM attempt")
    assert attempts == [(1, 200)]
    report("1 attempt recorded")


def test_a_shop_killed_between_commit_and_wake_up(world: World, report: Report) -> None:
    world.kill("worker")  # its scheduler would find the delivery before the check
    world.kill("shop")
    with gate_to_redis(world.redis_socket, lambda: world.kill("shop")) as redis_url:
        world.start("shop", SHOP_REDIS_URL=redis_url)
        with suppress(
            httpx.TransportError
        ):  # the response does not wait for Redis, so it may arrive
            world.order()
        wait_for(lambda: not world.is_running("shop"), "the shop is killed")
    assert world.books.count().deliveries == {"pending": 1}
    with world.redis() as redis:
        assert redis.keys("arq:*") == []

    world.start("shop", "worker")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert world.proxy.requests == 1
    report()


def test_a_shop_killed_while_many_orders_arrive_has_stored_all_that_it_answered(
    world: World, report: Report
) -> None:
    answered: list[str] = []

    def order_until_it_ends(_customer: int) -> None:
        with suppress(httpx.TransportError):
            while world.is_running("shop"):
                answered.append(world.order().json()["id"])

    with ThreadPoolExecutor(CUSTOMERS) as customers:
        customers.map(order_until_it_ends, range(CUSTOMERS))
        wait_for(lambda: len(answered) > 2 * CUSTOMERS, "orders are answered")
        world.kill("shop")

    stored = {order_id for (order_id,) in world.books.of_shop("SELECT id FROM shop_order")}
    assert set(answered) <= stored
    world.start("shop")
    world.books.wait_until_delivered(RECOVERY_SECONDS)
    report(f"{len(answered)} answered")


def test_a_subscriber_killed_before_its_commit(world: World, report: Report) -> None:
    handed_over = threading.Event()
    world.proxy.on_handed_over = handed_over.set
    with world.books.subscriber.write_lock() as lock:
        lock.take()
        world.order()
        assert handed_over.wait(RECOVERY_SECONDS)
        world.kill("subscriber")
    assert world.books.count().purchases == 0

    world.start("subscriber")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert world.books.verdicts() == {"accepted": 1}
    report()


def test_a_subscriber_killed_between_its_commit_and_its_answer(
    world: World, report: Report
) -> None:
    def kill_and_disconnect() -> None:
        if world.proxy.requests == 1:
            world.kill("subscriber")
            raise ConnectionError

    world.proxy.on_answer = kill_and_disconnect
    world.order()
    wait_for(lambda: not world.is_running("subscriber"), "the subscriber is killed")
    assert world.books.count().purchases == 1

    world.start("subscriber")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert world.books.verdicts()["duplicate"] >= 1
    report()


def test_worker_and_shop_killed_while_time_is_skipped(world: World, report: Report) -> None:
    hours = {"SHOP_RETRY_SCHEDULE": "0,3600,7200"}
    world.kill("worker")
    world.start("worker", **hours)
    with client(world.subscriber_url) as subscriber:
        inject_fault(subscriber, "script", script="503 503 503")
    [delivery_id] = world.order().json()["delivery_ids"]
    with client(world.shop_url) as shop:
        wait_until(shop, delivery_id, "pending", attempts=1)
        world.proxy.hold(1)
        shop.post("/v1/clock/advance", json={"seconds": 86_400}).raise_for_status()
        wait_for(lambda: world.proxy.waiting, "the second attempt is on its way")

    world.kill("worker")
    world.kill("shop")
    world.proxy.release()  # the request of the dead worker
    world.start("shop")
    between = world.read("/v1/clock")
    world.start("worker", **hours)
    clock = world.read("/v1/clock?wait=30&strict=1")

    attempts = world.read(f"/v1/deliveries/{delivery_id}")["attempts"]
    assert (between["state"], between["step_waits_for"]["in_flight"]) == ("advancing", 1)
    assert clock["skipped_seconds"] == 86_400
    assert [each["response"]["status"] for each in attempts] == [503, 503, 200]
    hours_skipped = [round(each["skipped_seconds"] / 3600, 1) for each in attempts]
    assert hours_skipped == pytest.approx([0, 1, 2], abs=0.4)  # the jitter
    assert world.proxy.requests == 4
    report("3 attempts recorded")
    world.kill("worker")  # the next test needs one with its schedule
