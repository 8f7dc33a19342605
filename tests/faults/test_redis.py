"""Redis loses its data, dies or hangs: orders are accepted meanwhile, and none is lost."""

import time

import pytest

from tests.faults.conftest import Report
from tests.faults.world import World, slowest
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about Redis")


@pytest.mark.parametrize("waiting", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_a_flushed_redis(waiting: int, world: World, report: Report) -> None:
    world.kill("worker")
    world.order_many(waiting)
    world.proxy.hold(20)
    world.start("worker")
    wait_for(lambda: world.proxy.waiting == 20, "some are on their way")

    with world.redis() as redis:
        redis.flushall()
    world.proxy.release()
    world.books.wait_until_delivered(120)

    assert set(world.proxy.seen.values()) == {1}
    report()


def test_a_redis_that_dies_and_comes_back_empty(world: World, report: Report) -> None:
    world.kill("redis")
    seconds = world.order_many(20, at_once=1)
    world.books.wait_until_delivered(30)

    world.start("redis")
    seconds += world.order_many(20, at_once=1)
    world.books.wait_until_delivered()
    assert world.is_running("worker")
    assert "Traceback" not in world.log("worker")
    report(slowest(seconds))


def test_a_redis_that_freezes_and_thaws(world: World, report: Report) -> None:
    world.freeze("redis")
    seconds = world.order_many(10, at_once=1)
    world.books.wait_until_delivered(30)
    delivered = world.books.count().deliveries["succeeded"]

    world.thaw("redis")
    world.order_many(10)
    world.books.wait_until_delivered()

    assert world.is_running("worker")
    report(slowest(seconds), f"{delivered} delivered while it was frozen")


def test_a_redis_that_freezes_while_many_order_at_once(world: World, report: Report) -> None:
    world.freeze("redis")
    seconds = world.order_many(100, at_once=20)

    world.kill("redis")
    world.books.wait_until_delivered(30)
    assert world.is_running("worker")
    world.start("redis")
    report(slowest(seconds))


@pytest.mark.long
@pytest.mark.parametrize("fault", ["dead", "frozen"])
def test_a_redis_that_is_away_for_a_minute(fault: str, world: World, report: Report) -> None:
    if fault == "dead":
        world.kill("redis")
    else:
        world.freeze("redis")
    until = time.monotonic() + 60
    seconds = []
    while time.monotonic() < until:
        seconds += world.order_many(2, at_once=2)

    world.books.wait_until_delivered(120)
    assert world.is_running("worker")
    if fault == "frozen":
        world.kill("redis")
    world.start("redis")
    report(slowest(seconds))
