"""Hanging endpoints and large orders do not delay others, and memory stays bounded."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import pytest

from shop.webhooks.rules.slots import MAX_IN_FLIGHT, RESERVED_SLOTS
from tests.faults.conftest import Report
from tests.faults.memory import resident_mib, watching_memory
from tests.faults.world import World
from tests.receiver import running_receiver
from tests.waiting import wait_for

ORDERS = 200
LOOK_SECONDS = 0.002
GROWTH_MIB = 100
HANGING_SANDBOXES = 30
PINGS = 200


@pytest.mark.parametrize("hanging", [1, pytest.param(10, marks=pytest.mark.long)])
def test_endpoints_that_never_answer(hanging: int, world: World, report: Report) -> None:
    with ExitStack() as hung:
        ids = [
            world.register(hung.enter_context(endpoint_that_never_answers()))
            for _ in range(hanging)
        ]
        world.ping_many(ids * (500 // hanging))
        waiting = world.read("/v1/stats")["deliveries"]
        seconds = sorted(seconds_until_received(world) for _ in range(ORDERS))
        world.books.wait_until_delivered()
    report(
        f"with {waiting['pending']} waiting and {waiting['sending']} in flight for those that hang,"
        f" the other one's come after p50 {seconds[ORDERS // 2] * 1000:.0f} ms,"
        f" p99 {seconds[ORDERS * 99 // 100 - 1] * 1000:.0f} ms,"
        f" at most {seconds[-1] * 1000:.0f} ms"
    )


def test_sandboxes_in_which_everything_hangs(world: World, report: Report) -> None:
    with ExitStack() as running:
        for number in range(HANGING_SANDBOXES):
            name = f"hanging-{number}"
            # Nothing frees a slot during the test.
            world.create_sandbox(name, breaker_failures=0, request_timeout_seconds=60)
            url = running.enter_context(endpoint_that_never_answers())
            world.ping_many([world.register(url, sandbox=name)] * 20, sandbox=name)
        receiver = running.enter_context(running_receiver())
        world.create_sandbox("healthy")
        endpoint_id = world.register(receiver.url, sandbox="healthy")
        in_flight = wait_for(lambda: used_slots(world), "the hanging ones use all that they may")
        for _ in range(PINGS):  # without waiting, so that each one that is held up counts
            world.ping_many([endpoint_id], sandbox="healthy")
        seconds = seconds_until_succeeded(world, endpoint_id)
    report(
        f"with {in_flight} in flight for {HANGING_SANDBOXES} sandboxes that hang, deliveries"
        f" of another succeed after p50 {seconds[PINGS // 2] * 1000:.0f} ms,"
        f" p99 {seconds[PINGS * 99 // 100 - 1] * 1000:.0f} ms, at most {seconds[-1] * 1000:.0f} ms"
    )
    assert seconds[PINGS * 99 // 100 - 1] < 1


def used_slots(world: World) -> int | None:
    """Return how many deliveries are in flight; None as long as there are unreserved slots."""
    query = "SELECT count(*) FROM delivery WHERE state = 'sending'"
    in_flight = int(world.books.of_shop(query)[0][0])
    return in_flight if in_flight >= MAX_IN_FLIGHT - RESERVED_SLOTS else None


def seconds_until_succeeded(world: World, endpoint_id: str) -> list[float]:
    """Return the seconds from creation to success of each delivery of an endpoint, sorted."""

    def times() -> list[tuple[Any, Any]] | None:
        query = "SELECT created_at, completed_at FROM delivery WHERE endpoint_id = ?"
        rows = [(created, done) for created, done in world.books.of_shop(query, endpoint_id)]
        return rows if all(done for _, done in rows) else None

    found = wait_for(times, "all have succeeded")
    return sorted((_moment(done) - _moment(created)).total_seconds() for created, done in found)


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


@contextmanager
def endpoint_that_never_answers() -> Iterator[str]:
    """Listen without accepting: the kernel completes connections, but no request is read."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"


def seconds_until_received(world: World) -> float:
    """Return the seconds from an order's response until its webhook arrives."""
    before = world.proxy.requests
    assert world.order().status_code == 201
    began = time.monotonic()
    while world.proxy.requests == before:
        time.sleep(LOOK_SECONDS)
        assert time.monotonic() < began + 60, "the webhook does not come"
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.parametrize("orders", [2_000, 10_000])
def test_a_burst_of_orders(orders: int, world: World, report: Report) -> None:
    shop, worker = world.process("shop"), world.process("worker")
    with watching_memory(shop) as shop_growth, watching_memory(worker) as worker_growth:
        world.order_many(orders)
        world.books.wait_until_delivered(600)
        growth = (shop_growth(), worker_growth())

    assert set(world.proxy.seen.values()) == {1}
    assert max(growth) < GROWTH_MIB
    report(
        f"memory grew by {growth[0]:.0f} MiB in the shop and by {growth[1]:.0f} MiB in the worker,"
        f" which hold {resident_mib(shop):.0f} and {resident_mib(worker):.0f}"
    )
