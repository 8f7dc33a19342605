"""The shop's database is locked, full or read-only: an order is stored completely or not at all."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.conftest import Report
from tests.faults.proxy import no_op
from tests.faults.world import World
from tests.programs import client
from tests.waiting import wait_for

# The response timeout. A lease expires three seconds after it.
SETTINGS = {"SHOP_REQUEST_TIMEOUT_SECONDS": "2"}
SMALL_FILE = 8192  # bytes: fewer than an order writes
PAGES = ("/", "/orders", "/deliveries", "/endpoints", "/v1/deliveries", "/v1/webhooks", "/v1/stats")


def test_a_database_locked_for_3_seconds(world: World, report: Report) -> None:
    with world.books.shop.write_lock() as lock:
        lock.take()
        threading.Timer(3, lock.release).start()
        answer = world.order()

    assert answer.status_code == 201
    world.books.wait_until_delivered()
    report(f"the order took {answer.elapsed.total_seconds():.1f} s")


def test_a_database_locked_for_longer_than_orders_wait(world: World, report: Report) -> None:
    with world.books.shop.write_lock() as lock:
        lock.take()
        refused = orders_are_refused_but_pages_are_shown(world, 40)
    assert_orders_are_taken_again(world)
    report(f"before that {refused}")


def test_a_database_locked_when_the_worker_has_received_a_2xx(world: World, report: Report) -> None:
    with world.books.shop.write_lock() as lock:
        world.proxy.on_answer = lock.take
        world.order()
        wait_for(lambda: "before its lease expired" in world.log("worker"), "the worker gives up")
        world.proxy.on_answer = no_op

    world.books.wait_until_delivered()
    assert world.books.verdicts() == {"accepted": 1, "duplicate": 1}
    assert "Traceback" not in world.log("worker")
    report()


@pytest.mark.sqlite("the disk of a server is not the shop's to fill")
def test_a_full_disk(world: World, report: Report) -> None:
    with full_disk(world.process("shop")):
        refused = orders_are_refused_but_pages_are_shown(world, 4)
    assert_orders_are_taken_again(world)
    report(f"before that {refused}")


@pytest.mark.sqlite("a server's files are not the shop's")
@pytest.mark.parametrize("when", ["while the shop runs", "before it starts"])
def test_a_database_that_is_read_only(when: str, world: World, report: Report) -> None:
    if when == "before it starts":
        world.kill("shop")
    with read_only(*files_of(world)):
        if when == "before it starts":
            world.start("shop")
        refused = orders_are_refused_but_pages_are_shown(world, 4)
    world.kill("shop")  # connections opened meanwhile are read-only
    world.start("shop")
    assert_orders_are_taken_again(world)
    report(f"before that {refused}")


def files_of(world: World) -> tuple[Path, Path]:
    return world.var / "shop.db", world.var / "shop.db-wal"


def orders_are_refused_but_pages_are_shown(world: World, count: int) -> str:
    with ThreadPoolExecutor(count) as threads:
        orders = [threads.submit(world.order) for _ in range(count)]
        assert_pages_are_shown(world)
        answers = [order.result() for order in orders]
    for answer in answers:
        assert_is_refused_for_now(answer)
    assert_pages_are_shown(world)
    assert world.books.of_shop("SELECT count(*) FROM shop_order, message, delivery") == [(0,)]
    seconds = max(answer.elapsed.total_seconds() for answer in answers)
    return f"{count} orders refused with 503, after {seconds:.1f} s at most"


def assert_pages_are_shown(world: World) -> None:
    with client(world.shop_url) as shop:
        answers = {path: shop.get(path).status_code for path in PAGES}
    assert answers == dict.fromkeys(PAGES, 200)


def assert_is_refused_for_now(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0


def assert_orders_are_taken_again(world: World) -> None:
    world.order_many(3)
    world.books.wait_until_delivered()
    assert "Traceback" not in world.log("shop")


@contextmanager
def full_disk(program: psutil.Process) -> Iterator[None]:
    """Limit the file size of the program, as if the disk were full."""
    if not hasattr(psutil, "RLIMIT_FSIZE"):
        pytest.skip("needs a kernel that limits another process, such as Linux")
    before = program.rlimit(psutil.RLIMIT_FSIZE)
    program.rlimit(psutil.RLIMIT_FSIZE, (SMALL_FILE, before[1]))
    try:
        yield
    finally:
        program.rlimit(psutil.RLIMIT_FSIZE, before)


@contextmanager
def read_only(*files: Path) -> Iterator[None]:
    """Make the files immutable, also for root and for open connections."""
    chattr = shutil.which("chattr") or "chattr-is-missing"
    try:
        subprocess.run([chattr, "+i", *files], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs root and a file system with immutable files")
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", *files], check=True)
