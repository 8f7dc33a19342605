"""Two shops and two workers, as on four machines, against one PostgreSQL and one Redis."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import httpx
import pytest

from shop.webhooks.rules.concurrency import MAX_CONCURRENCY
from tests.faults.conftest import Report
from tests.faults.world import ORDER, World
from tests.postgres import Cluster
from tests.programs import async_client, client
from tests.waiting import wait_for

pytestmark = pytest.mark.postgres("SQLite is for one machine")
# The response timeout. A lease expires three seconds after it.
SETTINGS = {"SHOP_REQUEST_TIMEOUT_SECONDS": "2"}
RECOVERY_SECONDS = 30
RESTARTS = 3


@pytest.fixture
def two_of_each(world: World) -> World:
    world.start("second shop", "second worker")
    return world


def test_two_shops_and_two_workers_deliver_each_order_once(
    two_of_each: World, report: Report
) -> None:
    world = two_of_each

    orders = [*order_at(world.shop_url, 50), *order_at(world.second_shop_url, 50)]
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    assert len(set(orders)) == 100
    assert set(world.proxy.seen.values()) == {1}
    assert world.books.verdicts() == {"accepted": 100}
    for url in (world.shop_url, world.second_shop_url):
        with client(url) as shop:
            assert shop.get("/v1/stats").json()["orders"] >= 100
    report()


async def test_a_page_of_one_shop_shows_at_once_what_was_ordered_at_the_other(
    two_of_each: World, report: Report
) -> None:
    world = two_of_each
    async with (
        asyncio.timeout(RECOVERY_SECONDS),
        async_client(world.second_shop_url) as browser,
        browser.stream("GET", "/deliveries/live") as stream,
    ):
        said = stream.aiter_lines()
        await anext(said)  # the initial state: the page is connected
        [order_id] = await asyncio.to_thread(order_at, world.shop_url, 1)
        [[delivery_id]] = world.books.of_shop("SELECT id FROM delivery")

        await anext(line async for line in said if delivery_id in line)

    await asyncio.to_thread(world.books.wait_until_delivered)
    assert world.books.of_shop("SELECT id FROM shop_order") == [(order_id,)]
    report()


def test_one_idempotency_key_at_two_shops_is_one_order(two_of_each: World, report: Report) -> None:
    world = two_of_each
    urls = [world.shop_url, world.second_shop_url] * 5
    start = threading.Barrier(len(urls))
    answers: list[httpx.Response] = []

    def order(url: str) -> None:
        with client(url) as shop:
            start.wait()
            answers.append(
                shop.post("/v1/orders", json=ORDER, headers={"Idempotency-Key": "the-same"})
            )

    at_once(order, urls)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    world.books.wait_until_delivered()
    report(f"{len(answers)} requests")


def test_one_url_registered_at_two_shops_is_one_endpoint(
    two_of_each: World, report: Report
) -> None:
    world = two_of_each
    urls = [world.shop_url, world.second_shop_url] * 3
    start = threading.Barrier(len(urls))
    answers: list[httpx.Response] = []
    wanted = {"webhook_url": "http://127.0.0.1:9999/twice"}

    def register(url: str) -> None:
        with client(url) as shop:
            start.wait()
            answers.append(shop.post("/v1/webhooks/register", json=wanted))

    at_once(register, urls)

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    [new] = [answer for answer in answers if answer.status_code == 201]
    named = {answer.json()["endpoint_id"] for answer in answers if answer is not new}
    assert named == {new.json()["id"]}
    report()


@pytest.mark.restarts_server
def test_a_database_that_is_restarted_in_the_middle(two_of_each: World, report: Report) -> None:
    world = two_of_each
    cluster = Cluster.of_this_run()
    if cluster is None:
        pytest.skip("the server is not this run's own to restart")
    accepted: list[str] = []
    refused: list[int] = []
    over = threading.Event()

    def go_on_ordering(url: str) -> None:
        with client(url) as shop:
            while not over.is_set():
                answer = shop.post("/v1/orders", json=ORDER, timeout=60)
                if answer.status_code == 201:
                    accepted.append(answer.json()["id"])
                else:
                    refused.append(answer.status_code)

    customers = [
        threading.Thread(target=go_on_ordering, args=[url])
        for url in (world.shop_url, world.second_shop_url)
    ]
    for customer in customers:
        customer.start()
    for number in range(1, RESTARTS + 1):
        wait_for(lambda number=number: len(accepted) > 40 * number, "orders are taken")  # type: ignore[misc]
        cluster.restart_at_once()
    wait_for(lambda: len(accepted) > 40 * (RESTARTS + 1), "orders are taken again", 30)
    over.set()
    for customer in customers:
        customer.join()
    world.books.wait_until_delivered(RECOVERY_SECONDS)

    stored = {row[0] for row in world.books.of_shop("SELECT id FROM shop_order")}
    assert set(accepted) <= stored
    # An order may be committed although its request failed.
    assert len(stored) <= len(accepted) + len(refused)
    assert set(refused) <= {503}
    for name in ("shop", "second shop", "worker", "second worker"):
        assert world.is_running(name)
        assert "Traceback" not in world.log(name)
    again = world.proxy.requests - len(world.proxy.seen)
    # Only requests in flight during a restart may be sent again.
    assert again <= RESTARTS * MAX_CONCURRENCY
    report(
        f"{RESTARTS} restarts, {len(accepted)} orders accepted, {len(refused)} refused with 503, "
        f"{again} requests repeated"
    )


def order_at(url: str, count: int) -> list[str]:
    """Place orders at this shop; return their ids."""
    with client(url) as shop:
        answers = [shop.post("/v1/orders", json=ORDER) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json()["id"] for answer in answers]


def at_once(work: Callable[[str], None], urls: Sequence[str]) -> None:
    threads = [threading.Thread(target=work, args=[url]) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
