"""The trace of a message across both applications, updated live."""

import re

import httpx
from playwright.sync_api import Locator, expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, inject_fault, set_fault, wait_until


def picture(subscriber: SubscriberTab) -> Locator:
    """Return the one of the two drawings that is visible at this width."""
    return subscriber.page.get_by_role("img", name="Timeline of the message").locator(
        "visible=true"
    )


def test_a_trace_is_drawn_live(
    shop: ShopTab,
    subscriber: SubscriberTab,
    shop_api: httpx.Client,
    subscriber_api: httpx.Client,
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api, "lantern")
    waiting = wait_until(shop_api, delivery_id, "pending", attempts=1)
    subscriber.open_live(f"/story?message_id={waiting['message_id']}")
    drawn = picture(subscriber)
    expect(drawn).to_contain_text("Order placed")
    # On a busy machine, polling may be faster than the notification.
    expect(drawn).to_contain_text(re.compile("Worker notified|found by polling the database"))
    expect(drawn).to_contain_text("Response 500")
    expect(drawn.locator("[data-countdown]")).to_have_text(re.compile(r"in \d+ s|due now"))

    set_fault(subscriber_api, None)

    expect(drawn).to_contain_text("Verified: accepted")
    expect(drawn).to_contain_text("Booked $41.50")
    expect(drawn).to_contain_text("Response 200")
    expect(drawn.locator("[data-countdown]")).to_have_count(0)
    expect(drawn).to_contain_text("ms")
    subscriber.expect_not_reloaded()
    subscriber.page.get_by_text("Show as table").click()
    subscriber.row("Response 200").get_by_role("link").click()
    expect(subscriber.page.get_by_role("heading", level=1)).to_contain_text("purchase.created")
    assert subscriber.page.url == f"{shop.url}/deliveries/{delivery_id}"


def test_a_receipt_links_to_the_trace_of_its_message(
    subscriber: SubscriberTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    inject_fault(subscriber_api, "script", script="drop")
    wait_until(shop_api, buy(shop_api), "succeeded", attempts=2)
    subscriber.open("/")
    subscriber.open_receipt("accepted")

    subscriber.follow("Show trace")

    expect(picture(subscriber)).to_contain_text("connection_reset")
    expect(picture(subscriber)).to_contain_text("Attempt 2 sent")


def test_a_trace_fits_a_phone(subscriber: SubscriberTab, shop_api: httpx.Client) -> None:
    delivery = wait_until(shop_api, buy(shop_api), "succeeded")
    subscriber.page.set_viewport_size({"width": 390, "height": 844})

    subscriber.open(f"/story?message_id={delivery['message_id']}")

    expect(picture(subscriber)).to_have_count(1)
    box = picture(subscriber).bounding_box()
    assert box
    assert box["width"] <= 390
