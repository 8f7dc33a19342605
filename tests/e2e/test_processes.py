"""Pages while processes stop, hang and restart: not on the demo that all other tests share."""

import re
from collections.abc import Iterator

import httpx
import psutil
import pytest
from playwright.sync_api import Route, expect

from tests.demo import SCHEDULE, Demo, running_demo
from tests.e2e.flow_page import buy_and_find_delivery, dot, open_flow, passed, station, verdict
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.e2e.watch import Watch
from tests.programs import buy, client, wait_until
from tests.waiting import wait_for

STREAM = "**/deliveries/live"
SERVER_AWAY = r"htmx:sse:error|ERR_CONNECTION_|ERR_INCOMPLETE_CHUNKED_ENCODING"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo(SHOP_RETRY_SCHEDULE=SCHEDULE) as demo:
        yield demo


@pytest.fixture
def flow(shop: ShopTab) -> ShopTab:
    """The live page, which records the stops that dots pass."""
    return open_flow(shop)


@pytest.mark.parametrize("program", ["shop", "subscriber"])
def test_live_pages_connect_again_after_a_restart_and_catch_up(
    program: str,
    shop: ShopTab,
    subscriber: SubscriberTab,
    shop_api: httpx.Client,
    demo: Demo,
    watch: Watch,
) -> None:
    watch.expect(SERVER_AWAY)
    shop.open_live("/deliveries")
    subscriber.open_live("/")
    tab: Tab = shop if program == "shop" else subscriber

    killed = demo.kill(program)
    expect(tab.page.get_by_text("Reconnecting…")).to_be_visible()
    demo.wait_for(program, other_than=killed)
    tab.expect_live()
    delivery_id = buy(shop_api, "anchor")

    expect(shop.row(delivery_id)).to_contain_text("succeeded")
    expect(subscriber.receipts("accepted")).to_contain_text("$34.00")
    shop.expect_not_reloaded()
    subscriber.expect_not_reloaded()


def test_changes_while_the_shop_was_unreachable_are_shown_afterwards(
    shop: ShopTab, shop_api: httpx.Client, demo: Demo, watch: Watch
) -> None:
    watch.expect(SERVER_AWAY)
    watch.expect("ERR_FAILED")  # the browser's message for the lost connection
    shop.open_live("/deliveries")
    news = shop.page.locator(".live__news")

    shop.page.route(STREAM, cut)
    killed = demo.kill("shop")
    expect(shop.page.get_by_text("Reconnecting…")).to_be_visible()
    demo.wait_for("shop", other_than=killed)
    wait_for(lambda: serves(demo.shop_url), "the shop serves again")
    meanwhile = buy(shop_api, "anchor")
    wait_until(shop_api, meanwhile, "succeeded")
    expect(news).to_have_text("The connection is lost. Trying again.")
    expect(shop.row(meanwhile)).to_have_count(0)
    shop.page.unroute(STREAM, cut)

    shop.expect_live()
    expect(shop.row(meanwhile)).to_contain_text("succeeded")
    expect(news).to_have_text("The page is live again.")
    shop.expect_not_reloaded()


def cut(stream: Route) -> None:
    stream.abort()


def serves(url: str) -> bool:
    try:
        with client(url) as application:
            return application.get("/healthz").is_success
    except httpx.TransportError:
        return False


def test_a_page_whose_record_was_deleted_says_so_and_stops_asking(
    shop: ShopTab, shop_api: httpx.Client, demo: Demo, shop_url: str, watch: Watch
) -> None:
    watch.expect(rf"{SERVER_AWAY}|status of 404|SSE reconnect failed")
    registration = {"webhook_url": "http://127.0.0.1:9999/deleted"}
    endpoint_id = shop_api.post("/v1/webhooks/register", json=registration).json()["id"]
    shop.open_live(f"/endpoints/{endpoint_id}")
    asked: list[int] = []
    shop.page.on("response", lambda it: asked.append(it.status) if "/live" in it.url else None)
    shop_api.delete(f"/v1/webhooks/{endpoint_id}")

    demo.kill("shop")

    expect(shop.page.get_by_text("Deleted", exact=True)).to_be_visible()
    other = ShopTab(shop.page.context.new_page(), shop_url)
    other.open_live("/endpoints")  # meanwhile, the page could have asked several times
    assert asked == [404]


@pytest.fixture
def frozen() -> Iterator[list[psutil.Process]]:
    """Processes that a test has suspended; they are resumed at the end."""
    stopped: list[psutil.Process] = []
    yield stopped
    for process in stopped:
        process.resume()


def test_orders_bypass_a_frozen_redis(
    flow: ShopTab, shop_api: httpx.Client, demo: Demo, frozen: list[psutil.Process]
) -> None:
    redis = demo.wait_for("redis")
    redis.suspend()
    frozen.append(redis)
    expect(verdict(flow)).to_contain_text("Redis does not answer")
    expect(station(flow, "Redis")).to_contain_text("down")

    delivery_id = buy_and_find_delivery(flow, shop_api)

    wait_for(lambda: passed(flow, delivery_id)[-1:] == ["delivered-lane-1"], "it lands")
    assert "bypass" in passed(flow, delivery_id)
    redis.resume()
    frozen.clear()
    expect(verdict(flow)).to_have_text("Everything flows.")


def test_without_a_worker_there_is_a_backlog_until_it_is_back(
    flow: ShopTab, shop_api: httpx.Client, demo: Demo, frozen: list[psutil.Process]
) -> None:
    worker = demo.wait_for("worker")
    worker.suspend()
    frozen.append(worker)
    expect(verdict(flow)).to_contain_text("no worker is alive")
    expect(station(flow, "Worker")).to_contain_text("down")

    delivery_id = buy_and_find_delivery(flow, shop_api)

    expect(dot(flow, delivery_id)).to_have_attribute("data-stop", re.compile("redis|database"))
    expect(flow.page.get_by_role("list", name="Path of an order")).to_contain_text("backlog")
    worker.resume()
    frozen.clear()
    expect(dot(flow, delivery_id)).to_have_attribute("data-stop", "delivered-lane-1")
    expect(verdict(flow)).to_have_text("Everything flows.")


def test_a_dead_worker_and_its_successor_are_shown(shop: ShopTab, demo: Demo) -> None:
    shop.open_live("/overview")
    workers = shop.page.get_by_role("region", name="Workers")
    process = workers.get_by_role("row").nth(1).get_by_role("cell").first
    expect(process).to_contain_text("process")
    before = process.inner_text()

    demo.kill("worker")

    expect(workers).not_to_contain_text(before.split("\n")[0])
    expect(process).to_contain_text("process")
    shop.expect_not_reloaded()
