"""A failing receiver, visible retries, and resending manually."""

import re

import httpx
from playwright.sync_api import expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, set_fault, wait_until

COUNTDOWN = re.compile(r"is planned (in \d s|due now)")


def test_a_failing_subscriber_gets_retries_until_it_recovers(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.fail_with("500")
    delivery_id = buy(shop_api, "lantern")
    shop.open_delivery(delivery_id)

    expect(shop.attempts().first).to_be_visible()
    expect(shop.state()).to_contain_text("pending")
    expect(shop.state()).to_contain_text(COUNTDOWN)
    expect(shop.page.get_by_text("500 Internal Server Error").first).to_be_visible()
    subscriber.back_to_normal()

    expect(shop.state()).to_contain_text("succeeded")
    expect(shop.page.get_by_text("200 OK").first).to_be_visible()
    shop.expect_not_reloaded()
    expect(subscriber.receipts("rejected").first).to_contain_text("simulated_fault")
    expect(subscriber.receipts("accepted")).to_have_count(1)
    expect(subscriber.total("Purchases")).to_have_text("1")
    expect(subscriber.total("Booked")).to_have_text("$41.50")


def test_the_log_counts_down_to_the_next_attempt(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 503)
    shop.open_live("/deliveries")
    delivery_id = buy(shop_api)

    row = shop.row(delivery_id)
    expect(row).to_contain_text("pending")
    expect(row).to_contain_text("503")
    expect(row.get_by_role("cell").last).to_contain_text(re.compile(r"in \d s|due now"))

    set_fault(subscriber_api, None)
    expect(row).to_contain_text("succeeded")
    expect(row.get_by_role("cell").last).to_have_text("–")


def test_a_succeeded_delivery_can_be_resent_and_is_booked_once(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api, "mug")
    wait_until(shop_api, delivery_id, "succeeded")
    subscriber.open_live("/")
    shop.open(f"/deliveries/{delivery_id}")

    shop.press("Resend now")

    expect(shop.attempts()).to_have_text(["Attempt 2", "Attempt 1"])
    expect(shop.page.get_by_text("manual", exact=True)).to_be_visible()
    expect(shop.state()).to_contain_text("succeeded")
    expect(subscriber.receipts("duplicate")).to_have_count(1)
    expect(subscriber.receipts("accepted")).to_have_count(1)
    expect(subscriber.total("Purchases")).to_have_text("1")
    expect(subscriber.total("Booked")).to_have_text("$14.90")


def test_a_waiting_retry_can_be_sent_immediately(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    set_fault(subscriber_api, None)
    shop.open(f"/deliveries/{delivery_id}")

    shop.press("Resend now")

    expect(shop.state()).to_contain_text("succeeded")
