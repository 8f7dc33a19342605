"""The main path: a click in the shop, a verified webhook at the subscriber."""

import httpx
from playwright.sync_api import BrowserContext, expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy


def test_an_order_is_seen_to_be_delivered_without_a_reload(
    shop: ShopTab, subscriber: SubscriberTab, context: BrowserContext, shop_url: str
) -> None:
    log = ShopTab(context.new_page(), shop_url)
    log.open_live("/deliveries")
    subscriber.open_live("/")

    order_id = shop.buy("Fishing Rod", name="Ada Lovelace")

    expect(shop.row("purchase.created")).to_contain_text("succeeded")
    expect(shop.page.get_by_text("Ada Lovelace")).to_be_visible()
    expect(log.row(order_id[-8:])).to_contain_text("succeeded")
    expect(subscriber.receipts("accepted")).to_contain_text("$50.75")
    expect(subscriber.total("Purchases")).to_have_text("1")
    log.expect_not_reloaded()
    subscriber.expect_not_reloaded()


def test_the_orders_page_changes_from_pending_to_succeeded_live(
    shop: ShopTab, subscriber: SubscriberTab
) -> None:
    subscriber.fail_with("500")
    shop.buy("Teapot", name="Ada")
    shop.page.evaluate("window.markOfTheTest = true")

    expect(shop.row("purchase.created")).to_contain_text("pending")
    subscriber.back_to_normal()

    expect(shop.row("purchase.created")).to_contain_text("succeeded")
    shop.expect_not_reloaded()


def test_both_ends_show_the_same_request(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.open_live("/")
    delivery_id = buy(shop_api, "clock")
    message_id = shop_api.get(f"/v1/deliveries/{delivery_id}").json()["message_id"]

    shop.open_delivery(delivery_id)
    subscriber.page.get_by_role("link", name="purchase.created").click()

    request = shop.page.get_by_role("region", name="Request of attempt 1")
    sent = request.get_by_label("Body of the request, exactly as sent").text_content()
    came = subscriber.page.get_by_label("Body of the request; invisible").text_content()
    assert sent == came
    expect(request).to_contain_text(message_id)
    expect(subscriber.page.get_by_text(message_id).first).to_be_visible()
    steps = subscriber.page.get_by_role("region", name="Verification, step by step")
    expect(steps.get_by_text("passed", exact=True)).to_have_count(9)


def test_hostile_names_appear_as_they_were_typed(shop: ShopTab) -> None:
    name = "<script>alert(1)</script>{{7*7}}"

    shop.buy("Padlock", name=name)

    expect(shop.page.get_by_text(name, exact=True)).to_be_visible()
