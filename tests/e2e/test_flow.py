"""The flow page in a browser, while real processes work."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from hookshop.testing import HookshopServer
from tests.e2e.conftest import NewContext
from tests.e2e.flow_page import (
    buy_and_find_delivery,
    dot,
    newest_delivery,
    open_flow,
    passed,
    station,
    verdict,
)
from tests.e2e.pair import new_pair
from tests.e2e.tabs import ShopTab
from tests.programs import buy, client, set_fault, wait_until
from tests.waiting import wait_for

# For each frame in which dots move: by how many pixels the page is wider than the window.
WATCH_WIDTH = """
window.overhangs = [];
const look = () => {
  if (document.querySelector(".ghost")) {
    window.overhangs.push(document.scrollingElement.scrollWidth - window.innerWidth);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
ON_THE_LINE = ["customer", "shop", "database", "redis", "worker", "lane-1", "delivered-lane-1"]


@pytest.fixture
def flow(shop: ShopTab) -> ShopTab:
    """The live page, which records the stops that dots pass."""
    return open_flow(shop)


def test_a_fast_order_passes_every_station(flow: ShopTab, shop_api: httpx.Client) -> None:
    expect(verdict(flow)).to_have_text("Everything flows.")

    delivery_id = buy_and_find_delivery(flow, shop_api)

    wait_for(lambda: passed(flow, delivery_id)[-1:] == ON_THE_LINE[-1:], "it lands")
    # In this order. On a busy machine it may return to the database, where polling finds it.
    stops = iter(passed(flow, delivery_id))
    assert all(stop in stops for stop in ON_THE_LINE)
    expect(flow.page.locator(".ghost")).to_have_count(0)
    expect(dot(flow, delivery_id)).to_have_attribute("data-stop", "delivered-lane-1")
    expect(dot(flow, delivery_id)).not_to_have_attribute("data-flying", "")
    flow.expect_not_reloaded()


def test_many_orders_move_at_once_and_none_is_lost(flow: ShopTab) -> None:
    lane = flow.page.locator("#lane-1")
    before = re.search(r"(\d+)\s+succeeded", lane.inner_text())
    assert before

    flow.press("Buy 20")

    expect(lane).to_contain_text(f"{int(before[1]) + 20} succeeded")
    expect(flow.page.locator(".ghost")).to_have_count(0)
    expect(flow.page.locator("[data-flying]")).to_have_count(0)
    expect(lane.get_by_role("link", name="succeeded")).to_have_count(5)


def test_a_rejected_delivery_comes_back_and_waits_for_its_next_attempt(
    flow: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy_and_find_delivery(flow, shop_api)

    wait_for(lambda: "waiting" in passed(flow, delivery_id), "it waits again")
    stops = iter(passed(flow, delivery_id))
    assert all(stop in stops for stop in ON_THE_LINE[:5])
    # The latter only if it was seen there before the rejection.
    assert next(stops) in {"lane-1!", "lane-1"}
    assert next(stops) == "waiting"
    expect(verdict(flow)).to_contain_text("retrying")
    expect(station(flow, "Waiting")).to_contain_text("1 delivery")
    expect(flow.page.locator("#lane-1 .countdown")).to_have_text(re.compile(r"in \d s|due now"))
    waiting = dot(flow, delivery_id).get_by_role("link")
    expect(waiting).to_have_attribute("data-left", re.compile(r"\d"))
    set_fault(subscriber_api, None)

    wait_for(lambda: passed(flow, delivery_id)[-1:] == ["delivered-lane-1"], "it lands in the end")
    expect(verdict(flow)).to_have_text("Everything flows.")
    expect(station(flow, "Waiting")).to_contain_text("0 deliveries")


def test_deliveries_to_a_paused_endpoint_wait_until_it_is_active(
    flow: ShopTab, shop_api: httpx.Client
) -> None:
    [endpoint] = shop_api.get("/v1/webhooks").json()["data"]
    shop_api.patch(f"/v1/webhooks/{endpoint['id']}", json={"status": "paused"})

    delivery_id = buy_and_find_delivery(flow, shop_api)

    expect(dot(flow, delivery_id)).to_have_attribute("data-stop", "waiting")
    expect(verdict(flow)).to_contain_text("paused")
    shop_api.patch(f"/v1/webhooks/{endpoint['id']}", json={"status": "active"})
    expect(dot(flow, delivery_id)).to_have_attribute("data-stop", "delivered-lane-1")


def test_buttons_and_dots_can_be_reached_by_keyboard(flow: ShopTab, shop_api: httpx.Client) -> None:
    button = flow.page.get_by_role("button", name="Buy 1", exact=True)
    button.focus()
    before = newest_delivery(shop_api)
    flow.page.keyboard.press("Enter")
    delivery_id = wait_for(
        lambda: (newest := newest_delivery(shop_api)) != before and newest, "the order is placed"
    )
    expect(button).to_be_focused()
    link = dot(flow, str(delivery_id)).get_by_role("link")
    expect(dot(flow, str(delivery_id))).to_have_attribute("data-stop", "delivered-lane-1")
    expect(link).to_be_visible()

    for _ in range(60):
        if link.evaluate("(link) => link === document.activeElement"):
            break
        flow.page.keyboard.press("Tab")
    expect(link).to_be_focused()
    flow.page.keyboard.press("Enter")

    expect(flow.page).to_have_url(re.compile(f"/deliveries/{delivery_id}$"))


class TestWithReducedMotion:
    @pytest.fixture
    def context(self, new_context: NewContext) -> BrowserContext:
        return new_context(reduced_motion="reduce")

    def test_every_dot_moves_at_once(self, flow: ShopTab, shop_api: httpx.Client) -> None:
        delivery_id = buy_and_find_delivery(flow, shop_api)

        expect(dot(flow, delivery_id)).to_have_attribute("data-stop", "delivered-lane-1")
        expect(dot(flow, delivery_id)).to_be_visible()
        assert passed(flow, delivery_id) == []


class TestWithoutJavaScript:
    @pytest.fixture
    def context(self, new_context: NewContext) -> BrowserContext:
        return new_context(java_script_enabled=False)

    def test_without_javascript_the_picture_is_current_and_buying_works(
        self, shop: ShopTab, shop_api: httpx.Client
    ) -> None:
        delivery_id = buy(shop_api)
        wait_until(shop_api, delivery_id, "succeeded")
        shop.open("/flow")

        expect(shop.page.get_by_text("Reload to update")).to_be_visible()
        expect(dot(shop, delivery_id)).to_be_visible()
        bought = buy_and_find_delivery(shop, shop_api)

        expect(shop.page).to_have_url(f"{shop.url}/flow")
        wait_until(shop_api, bought, "succeeded")
        shop.page.reload()
        expect(dot(shop, bought)).to_have_attribute("data-stop", "delivered-lane-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_fits_a_phone(scheme: str, new_context: NewContext, shop_url: str) -> None:
    telephone = {"width": 390, "height": 844}
    page = new_context(viewport=telephone, color_scheme=scheme).new_page()
    tab = open_flow(ShopTab(page, shop_url))
    page.evaluate(WATCH_WIDTH)

    tab.press("Buy 20")

    wait_for(lambda: page.evaluate("window.overhangs.length"), "dots move")
    assert page.evaluate("Math.max(...window.overhangs)") <= 0


def test_on_a_projector_every_box_fits_and_dots_do_not_cover_the_stations(
    browser: Browser, demo: HookshopServer
) -> None:
    """In main: the header of a sandbox has its name, and may need a second line."""
    for number in range(6):
        wanted = {
            "webhook_url": f"http://127.0.0.1:{9000 + number}/a/path/that/is/rather/long",
            "description": f"Department {number} with a long name",
        }
        with client(demo.shop_url) as shop_api:
            shop_api.post("/v1/webhooks/register", json=wanted).raise_for_status()
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    tab = open_flow(ShopTab(page, demo.shop_url))
    page.get_by_text("Aa").click()
    page.get_by_role("button", name="Presenter").click()
    expect(page.locator("html")).to_have_attribute("data-scale", "presenter")
    tab.press("Buy 20")
    expect(verdict(tab)).to_contain_text("Repair its receiver.")

    boxes = page.locator(".flow__station, .flow__waiting, .flow__failed, .flow__legend, .lane")

    expect(boxes).to_have_count(5 + 3 + 7)
    assert max(map(bottom, boxes.all())) <= 720
    assert layer(page.locator(".flow-sky")) < layer(page.locator(".flow__dock").first)
    page.close()


def test_on_a_projector_two_endpoints_and_a_failed_delivery_fit(
    browser: Browser, demo: HookshopServer
) -> None:
    with new_pair(demo, retry_schedule="0") as pair, client(pair.shop_url) as shop_api:
        wanted = {"webhook_url": "http://127.0.0.1:9010/hook"}
        shop_api.post("/v1/webhooks/register", json=wanted).raise_for_status()
        items = [{"product_id": "mug", "quantity": 1}]
        order = shop_api.post("/v1/orders", json={"items": items}).raise_for_status().json()
        assert len(order["delivery_ids"]) == 2
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        open_flow(ShopTab(page, pair.shop_url))
        page.get_by_text("Aa").click()
        page.get_by_role("button", name="Presenter").click()
        expect(page.locator("html")).to_have_attribute("data-scale", "presenter")
        expect(page.locator(".flow__failed .dot")).to_have_count(1)

        boxes = page.locator(".flow__station, .flow__waiting, .flow__failed, .flow__legend, .lane")

        expect(boxes).to_have_count(5 + 3 + 2)
        assert max(map(bottom, boxes.all())) <= 720
        page.close()


def bottom(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box
    return box["y"] + box["height"]


def layer(locator: Locator) -> int:
    return int(locator.evaluate("(element) => getComputedStyle(element).zIndex"))


def test_steady_orders_go_on_while_another_page_is_shown(
    flow: ShopTab, shop_api: httpx.Client
) -> None:
    switch = flow.page.get_by_role("switch", name="Steady orders")
    switch.click()
    expect(switch).to_be_checked()

    flow.open("/endpoints")
    before = shop_api.get("/v1/stats").json()["orders"]
    wait_for(lambda: shop_api.get("/v1/stats").json()["orders"] > before, "another order")
    flow.press("Stop steady orders")

    expect(flow.page).to_have_url(f"{flow.url}/endpoints")
    expect(flow.page.get_by_text("Steady orders are on")).to_have_count(0)
