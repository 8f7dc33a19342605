"""A process of the demo dies: it is restarted, and no order is lost."""

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.demo import Demo
from tests.programs import buy, client, wait_until
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def run_in_full(demo: Demo) -> Iterator[None]:
    """Wait until all processes run again, after the previous test has killed some."""
    for program in ("redis", "worker", "shop", "subscriber"):
        demo.wait_for(program)
    wait_until_serving(demo.shop_url)
    wait_until_serving(demo.subscriber_url)
    yield
    assert not demo.has_ended()


def wait_until_serving(url: str) -> None:
    def serves() -> bool:
        with suppress(httpx.TransportError), client(url) as application:
            return application.get("/healthz").is_success
        return False

    wait_for(serves, f"{url} serves")


def test_a_killed_worker_is_restarted_and_delivers(demo: Demo, shop: httpx.Client) -> None:
    killed = demo.kill("worker")
    delivery_id = buy(shop)

    wait_until(shop, delivery_id, "succeeded")
    assert demo.wait_for("worker", other_than=killed)
    assert "demo       | worker was killed by SIGKILL; restarting" in demo.output()


def test_an_order_placed_while_redis_is_away_is_delivered_and_no_other_program_ends(
    demo: Demo, shop: httpx.Client
) -> None:
    redis, worker = demo.wait_for("redis"), demo.wait_for("worker")
    redis.suspend()  # so that it is not restarted before the order
    delivery_id = buy(shop)
    redis.kill()

    wait_until(shop, delivery_id, "succeeded")
    assert demo.wait_for("redis", other_than=redis)
    assert demo.wait_for("worker") == worker


def test_a_killed_shop_takes_orders_again(demo: Demo) -> None:
    killed = demo.kill("shop")
    demo.wait_for("shop", other_than=killed)
    wait_until_serving(demo.shop_url)

    with client(demo.shop_url) as shop:
        wait_until(shop, buy(shop), "succeeded")


def test_a_killed_subscriber_keeps_its_secret(demo: Demo, shop: httpx.Client) -> None:
    before = endpoint_ids(shop)
    killed = demo.kill("subscriber")
    delivery_id = buy(shop)

    demo.wait_for("subscriber", other_than=killed)
    wait_until(shop, delivery_id, "succeeded")
    assert endpoint_ids(shop) == before


def endpoint_ids(shop: httpx.Client) -> list[str]:
    return [endpoint["id"] for endpoint in shop.get("/v1/webhooks").json()["data"]]
