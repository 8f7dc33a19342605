"""An hour of orders for a flaky receiver, while worker and shop are killed: nothing is lost.

``SOAK_MINUTES`` and ``SOAK_KILL_MINUTES`` change the duration and the time between two kills.
"""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from tests.faults.conftest import Report
from tests.faults.memory import resident_mib
from tests.faults.world import ORDER, World
from tests.programs import client, inject_fault

# A lease expires three seconds after the response timeout.
SETTINGS = {"SHOP_REQUEST_TIMEOUT_SECONDS": "2"}
DURATION_SECONDS = 60 * float(os.environ.get("SOAK_MINUTES", "60"))
KILL_INTERVAL_SECONDS = 60 * float(os.environ.get("SOAK_KILL_MINUTES", "5"))
CUSTOMERS = 4
MEASURING_SECONDS = 10
SHARE_OF_SPEED = 0.5
FAILURE_PERCENT = 10
RECOVERY_SECONDS = 300
MAX_GROWTH_MIB = 60  # what is loaded with the first requests, but nothing for each of thousands
PROGRAMS = ("shop", "worker", "subscriber", "redis")


class Customers:
    """Orders from several threads. ``placed``: the ids of accepted orders.

    They stop at once when ``have_gone`` is set.
    """

    def __init__(self, url: str) -> None:
        self.placed: set[str] = set()
        self.have_gone = threading.Event()
        self._url = url

    def order_for(self, seconds: float, *, per_second: float | None = None) -> None:
        """Order until this time has passed, at most this many orders a second together."""
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._order_until, args=(end, per_second))
            for _ in range(CUSTOMERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _order_until(self, end: float, per_second: float | None) -> None:
        pause = CUSTOMERS / per_second if per_second else 0
        with client(self._url) as shop:
            while (now := time.monotonic()) < end and not self.have_gone.is_set():
                # Without a shop, or with one that is killed meanwhile, the order may be stored or
                # not: the books tell.
                with suppress(httpx.TransportError):
                    answer = shop.post("/v1/orders", json=ORDER, timeout=60)
                    if answer.status_code == 201:
                        self.placed.add(answer.json()["id"])
                time.sleep(max(0, now + pause - time.monotonic()))


@dataclass(slots=True)
class Memory:
    """The growth of each program's memory in MiB, the largest of its lives."""

    growth: dict[str, float] = field(default_factory=dict)
    _before: dict[str, float] = field(default_factory=dict)

    def start(self, world: World, *names: str) -> None:
        for name in names:
            self._before[name] = resident_mib(world.process(name))

    def stop(self, world: World, *names: str) -> None:
        for name in names:
            growth = resident_mib(world.process(name)) - self._before[name]
            self.growth[name] = max(growth, self.growth.get(name, growth))


@contextmanager
def killing(world: World, memory: Memory, customers: Customers) -> Iterator[list[str]]:
    """Kill the worker and the shop in turn, and start them again. Yield the names so far.

    If one of them does not start again, the customers go.
    """
    killed: list[str] = []
    stop = threading.Event()

    def kill_repeatedly() -> None:
        for name in itertools.cycle(("worker", "shop")):
            if stop.wait(KILL_INTERVAL_SECONDS):
                return
            memory.stop(world, name)
            world.kill(name)
            world.start(name)
            memory.start(world, name)
            killed.append(name)

    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(kill_repeatedly)
        ended.add_done_callback(lambda _ended: customers.have_gone.set())
        try:
            yield killed
        finally:
            stop.set()
            ended.result()


@contextmanager
def flaky(subscriber_url: str) -> Iterator[None]:
    """Let a share of all webhooks fail until the block ends."""
    with client(subscriber_url) as subscriber:
        inject_fault(subscriber, "random", percent=FAILURE_PERCENT)
        yield
        inject_fault(subscriber, "none")


@pytest.mark.long
def test_nothing_is_lost_at_half_the_speed_with_a_flaky_receiver_and_kills(
    world: World, report: Report
) -> None:
    customers, memory = Customers(world.shop_url), Memory()
    customers.order_for(MEASURING_SECONDS)
    world.books.wait_until_delivered(RECOVERY_SECONDS)
    speed = len(customers.placed) / MEASURING_SECONDS * SHARE_OF_SPEED
    memory.start(world, *PROGRAMS)

    with flaky(world.subscriber_url), killing(world, memory, customers) as killed:
        customers.order_for(DURATION_SECONDS, per_second=speed)
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    memory.stop(world, *PROGRAMS)
    stored = {id_ for [id_] in world.books.of_shop("SELECT id FROM shop_order")}
    assert customers.placed <= stored
    assert killed
    assert max(memory.growth.values()) < MAX_GROWTH_MIB, memory.growth
    grown = ", ".join(f"{name} {mib:+.0f} MiB" for name, mib in memory.growth.items())
    report(f"{speed:.0f} orders/s", f"{len(killed)} kills", grown)
