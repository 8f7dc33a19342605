"""Every page works without JavaScript; one only has to reload for news."""

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import wait_until


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    return new_context(java_script_enabled=False)


def test_one_buys_and_sees_the_delivery_and_the_receipt(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    order_id = shop.buy("Pocket Compass", name="Ada")
    wait_until(shop_api, delivery_of(shop_api, order_id), "succeeded")

    expect(shop.page.get_by_text("Reload for news")).to_be_visible()
    shop.page.reload()
    expect(shop.row("purchase.created")).to_contain_text("succeeded")
    shop.open("/deliveries")
    expect(shop.row(order_id[-8:])).to_contain_text("succeeded")
    subscriber.open("/")
    expect(subscriber.receipts("accepted")).to_contain_text("$27.90")
    subscriber.page.get_by_role("link", name="purchase.created").click()
    expect(subscriber.page.get_by_text("passed", exact=True)).to_have_count(9)


def delivery_of(shop_api: httpx.Client, order_id: str) -> str:
    (delivery_id,) = shop_api.get(f"/v1/orders/{order_id}").json()["delivery_ids"]
    return str(delivery_id)


def test_one_lets_the_subscriber_fail_and_sends_again(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.fail_with("503")
    delivery_id = delivery_of(shop_api, shop.buy("Teapot", name="Ada"))
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop.open(f"/deliveries/{delivery_id}")
    expect(shop.page.get_by_text("503 Service Unavailable").first).to_be_visible()
    expect(shop.state()).to_contain_text("next try")
    subscriber.back_to_normal()

    shop.press("Send again now")

    wait_until(shop_api, delivery_id, "succeeded")
    shop.page.reload()
    expect(shop.state()).to_contain_text("succeeded")
    expect(shop.page.get_by_text("manual", exact=True)).to_be_visible()
