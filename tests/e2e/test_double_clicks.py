"""A double click on a slow connection sends a form twice; it acts once, and shows the result."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.tabs import ShopTab
from tests.programs import buy, set_fault, wait_until

SECRET = re.compile(r"^whsec_[A-Za-z0-9+/=]{44}$")
LATENCY_MS = 300
BETWEEN_CLICKS_MS = 150  # the second click comes before the response to the first


@pytest.fixture
def slow_shop(shop: ShopTab) -> ShopTab:
    network = shop.page.context.new_cdp_session(shop.page)
    conditions = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {**conditions, "latency": LATENCY_MS})
    return shop


def click_twice(button: Locator) -> None:
    button.evaluate(
        "(button, wait) => { button.click(); setTimeout(() => button.click(), wait) }",
        BETWEEN_CLICKS_MS,
    )


def test_two_clicks_on_place_order_place_one_order(
    slow_shop: ShopTab, shop_api: httpx.Client
) -> None:
    before = shop_api.get("/v1/stats").json()["orders"]
    slow_shop.open("/")
    slow_shop.press("Add Teapot to cart")
    slow_shop.page.get_by_role("link", name="Cart 1", exact=True).click()
    slow_shop.page.get_by_label("Your name").fill("Ada")

    click_twice(slow_shop.page.get_by_role("button", name="Place order"))

    expect(slow_shop.page.get_by_role("heading", level=1)).to_contain_text("Order")
    assert shop_api.get("/v1/stats").json()["orders"] == before + 1


def test_two_clicks_on_register_show_the_secret(slow_shop: ShopTab) -> None:
    slow_shop.open("/endpoints")
    slow_shop.page.get_by_label("Webhook URL").fill("http://127.0.0.1:9009/double")

    click_twice(slow_shop.page.get_by_role("button", name="Register endpoint", exact=True))

    expect(slow_shop.page.get_by_text(SECRET)).to_be_visible()


def test_a_button_in_a_row_sends_the_nonce_of_its_row(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 503)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop_api.post(f"/v1/deliveries/{delivery_id}/cancel", json={}).raise_for_status()
    shop.open_live("/deliveries")

    with shop.page.expect_request("**/attempts") as sent:
        shop.row(delivery_id).get_by_role("button", name="Resend now").click()

    assert "_nonce=1." in (sent.value.post_data or "")
