"""Concurrent deliveries, and workers that die, stop or compete for them."""

from collections.abc import Sequence

import pytest

from shop.webhooks.rules.concurrency import MIN_CONCURRENCY
from tests.faults.conftest import Report
from tests.faults.proxy import no_op
from tests.faults.world import World
from tests.waiting import wait_for

RECOVERY_SECONDS = 15
MAX_BACKLOGS = 10


@pytest.mark.long
def test_a_worker_killed_with_many_requests_in_flight(world: World, report: Report) -> None:
    """Uses the default timeout of 10 s, so leases expire after 13 s."""
    world.proxy.hold(MIN_CONCURRENCY)
    world.order_many(40)
    wait_for(lambda: world.proxy.waiting == MIN_CONCURRENCY, "the endpoint's share is in use")

    world.kill("worker")
    world.start("worker")
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert world.proxy.requests == 40 + MIN_CONCURRENCY
    report()


@pytest.mark.long
def test_a_database_locked_for_5_seconds_when_the_worker_has_its_2xx(
    world: World, report: Report
) -> None:
    with world.books.shop.write_lock() as lock:
        world.proxy.on_answer = lock.take
        world.order()
        wait_for(lambda: "database is unavailable" in world.log("worker"), "a first try fails")
        lock.release()
        world.proxy.on_answer = no_op
        world.books.wait_until_delivered()

    assert world.proxy.requests == 1
    report()


def test_a_stopping_worker_finishes_its_requests(world: World, report: Report) -> None:
    world.proxy.hold(MIN_CONCURRENCY)
    world.order_many(40)
    wait_for(lambda: world.proxy.waiting == MIN_CONCURRENCY, "the endpoint's share is in use")

    world.ask_to_stop("worker")
    world.proxy.release()

    assert world.wait_for_end("worker") == 0, world.log("worker")
    world.start("worker")
    world.books.wait_until_delivered()
    assert set(world.proxy.seen.values()) == {1}
    assert world.books.verdicts() == {"accepted": 40}
    report()


def test_two_workers_share_the_work_and_send_nothing_twice(world: World, report: Report) -> None:
    world.start("second worker")
    before = delivered_by_each(world)

    # A worker that keeps up leaves nothing for others, so let backlogs accumulate. A new one takes
    # longer for its first look than the other for a whole backlog.
    endpoint_id, rounds = world.books.subscriber_endpoint(), 0
    while rounds < MAX_BACKLOGS and min(shares(world, before)) == 0:
        rounds += 1
        world.set_status(endpoint_id, "paused")
        world.order_many(100)
        world.set_status(endpoint_id, "active")
        world.books.wait_until_delivered(60)
        placed = 100 * rounds
        wait_for(lambda n=placed: sum(shares(world, before)) == n, "all is in the logs")  # type: ignore[misc]

    assert set(world.proxy.seen.values()) == {1}
    assert min(shares(world, before)) > 0
    report("by each worker: {} and {}".format(*shares(world, before)))


@pytest.mark.long
def test_two_workers_that_never_poll_share_the_wake_ups(world: World, report: Report) -> None:
    """The workers never poll, so an order without its wake-up would never be sent."""
    world.kill("worker")
    names = ["worker that only wakes up", "second worker that only wakes up"]
    world.start(*names)

    world.order_many(2000, at_once=16)
    world.books.wait_until_delivered(120)

    assert set(world.proxy.seen.values()) == {1}
    wait_for(lambda: sum(delivered_by(world, names)) == 2000, "all is in the workers' logs")
    assert min(delivered_by(world, names)) >= 600
    report("by each worker: {} and {}".format(*delivered_by(world, names)))


def shares(world: World, before: list[int]) -> list[int]:
    return [now - then for now, then in zip(delivered_by_each(world), before, strict=True)]


def delivered_by_each(world: World) -> list[int]:
    return delivered_by(world, ["worker", "second worker"])


def delivered_by(world: World, names: Sequence[str]) -> list[int]:
    return [world.log(name).count("attempt 1 succeeded") for name in names]
