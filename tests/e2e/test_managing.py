"""Managing endpoints and orders on their pages."""

import re

import httpx
from playwright.sync_api import expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, wait_until


def test_a_resumed_endpoint_gets_all_waiting_deliveries(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    shop.open_endpoint()
    shop.press("Pause")
    expect(shop.page.get_by_text("This endpoint is paused")).to_be_visible()
    delivery_id = buy(shop_api, "hook")
    shop.open_delivery(delivery_id)
    expect(shop.state()).to_contain_text("pending")

    shop.open_endpoint()
    shop.press("Resume")

    wait_until(shop_api, delivery_id, "succeeded")
    subscriber.open("/")
    expect(subscriber.receipts("accepted")).to_have_count(1)


def test_a_test_event_arrives_and_books_nothing(shop: ShopTab, subscriber: SubscriberTab) -> None:
    shop.open_endpoint()

    shop.press("Send test event")

    expect(shop.page.get_by_role("heading", name="webhook.ping")).to_be_visible()
    expect(shop.state()).to_contain_text("succeeded")
    subscriber.open("/")
    expect(subscriber.receipts("accepted")).to_contain_text("webhook.ping")
    expect(subscriber.total("Purchases")).to_have_text("0")


def test_an_order_is_shipped_and_refunded_and_the_refund_is_booked(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    order_id = shop.buy("Fishing Rod", "Ada")
    wait_until_told(shop, 1)
    shop.press("Ship")
    wait_until_told(shop, 2)

    shop.follow("Refund…")
    shop.press("Refund")
    wait_until_told(shop, 3)

    order = shop_api.get(f"/v1/orders/{order_id}").json()
    assert order["shipped_at"]
    assert order["refunded_at"]
    subscriber.open("/")
    expect(subscriber.receipts("accepted")).to_have_count(3)
    expect(subscriber.total("Booked")).to_have_text("$0.00")
    expect(subscriber.total("Difference")).to_have_text("$0.00")
    expect(subscriber.page.get_by_text("Both sides agree")).to_be_visible()


def wait_until_told(shop: ShopTab, times: int) -> None:
    """On an order's page: wait until this many of its deliveries have succeeded."""
    told = shop.page.get_by_role("row").filter(has=shop.page.get_by_role("cell", name="succeeded"))
    expect(told).to_have_count(times)


def test_undelivered_deliveries_of_an_endpoint_are_counted_and_resent(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy_and_cancel(shop, shop_api)
    shop.open_endpoint()

    shop.press("Count deliveries…")
    # Other tests may also have left some for the same endpoint.
    shop.page.get_by_role("button", name=re.compile(r"^Recover \d+ deliver(y|ies)$")).click()

    delivery = wait_until(shop_api, delivery_id, "succeeded")
    subscriber.open(f"/?q={delivery['message_id']}")
    expect(subscriber.receipts("accepted")).to_have_count(1)


def buy_and_cancel(shop: ShopTab, shop_api: httpx.Client) -> str:
    """Create a delivery that was cancelled while its endpoint was paused."""
    shop.open_endpoint()
    shop.press("Pause")
    delivery_id = buy(shop_api)
    shop.open(f"/deliveries/{delivery_id}")
    shop.press("Cancel")
    wait_until(shop_api, delivery_id, "cancelled")
    shop.open_endpoint()
    shop.press("Resume")
    expect(shop.page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    return delivery_id


def test_a_new_secret_from_the_subscribers_page_interrupts_nothing(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.open("/subscription")
    subscriber.press("Rotate secret")
    expect(subscriber.page.get_by_text("Previous secret", exact=True)).to_be_visible()

    wait_until(shop_api, buy(shop_api), "succeeded")

    shop.open_endpoint()
    expect(shop.page.get_by_text("it is rotated")).to_be_visible()
