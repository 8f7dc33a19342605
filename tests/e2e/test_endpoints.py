"""Registering an endpoint on its page, and the subscriber's subscription."""

import re
from contextlib import suppress

import httpx
from playwright.sync_api import Error, expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.e2e.watch import Watch
from tests.programs import Document, buy, set_fault, wait_until

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")
REFUSED_FORM = r"console: .* status of 422"
POST_NOT_REPEATED = "net::ERR_CACHE_MISS"


def test_a_secret_is_shown_once_and_never_again(
    shop: ShopTab, shop_api: httpx.Client, watch: Watch
) -> None:
    watch.expect(POST_NOT_REPEATED)
    shop.open("/endpoints")
    shop.page.get_by_label("Webhook URL").fill("http://127.0.0.1:9009/hook")
    shop.page.get_by_label("Description").fill("Ada's receiver")
    shop.page.get_by_role("checkbox", name="purchase.created").uncheck()
    shop.page.get_by_role("checkbox", name="purchase.refunded").check()

    shop.press("Register endpoint")

    expect(shop.page.get_by_role("region", name="Secret")).to_contain_text(SECRET)
    shop.page.go_back()
    expect(shop.page.get_by_role("heading", name="Endpoints")).to_be_visible()
    assert not SECRET.search(shop.page.content())
    with suppress(Error):  # the browser has no cached copy and does not resend the form
        shop.page.go_forward()
    expect(shop.page.get_by_text(SECRET)).to_have_count(0)
    shop.open("/endpoints")
    shop.follow("Ada's receiver")
    expect(shop.page.get_by_role("heading", name="Ada's receiver")).to_be_visible()
    assert not SECRET.search(shop.page.content())
    (mine,) = [one for one in endpoints(shop_api) if one["webhook_url"].endswith(":9009/hook")]
    assert mine["event_types"] == ["purchase.refunded"]


def endpoints(shop_api: httpx.Client) -> list[Document]:
    listed: list[Document] = shop_api.get("/v1/webhooks").json()["data"]
    return listed


def test_a_refused_url_is_shown_again_with_the_error(
    shop: ShopTab, shop_api: httpx.Client, watch: Watch
) -> None:
    watch.expect(REFUSED_FORM)
    before = endpoints(shop_api)
    shop.open("/endpoints")
    shop.page.get_by_label("Webhook URL").fill("ftp://example.com/hook")
    shop.page.get_by_label("Description").fill("Keep me")

    shop.press("Register endpoint")

    expect(shop.page.get_by_role("alert")).to_contain_text("The endpoint was not registered")
    field = shop.page.get_by_label("Webhook URL")
    expect(field).to_have_value("ftp://example.com/hook")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("does not send to this URL"))
    expect(shop.page.get_by_label("Description")).to_have_value("Keep me")
    assert endpoints(shop_api) == before


def test_an_order_without_a_name_keeps_the_cart(shop: ShopTab, watch: Watch) -> None:
    watch.expect(REFUSED_FORM)
    shop.open("/")
    shop.press("Add Counter Bell to cart")
    shop.follow("Cart 1")

    shop.press("Place order")

    expect(shop.page.get_by_label("Your name")).to_have_attribute("aria-invalid", "true")
    expect(shop.page.get_by_text("Counter Bell").first).to_be_visible()


def test_an_unsubscribed_endpoint_gets_no_deliveries_until_it_subscribes_again(
    shop: ShopTab, subscriber: SubscriberTab
) -> None:
    subscriber.open("/subscription")
    subscriber.follow("Unsubscribe…")
    subscriber.press("Unsubscribe")
    expect(subscriber.page.get_by_role("heading", name="Not subscribed")).to_be_visible()

    shop.buy("Enamel Mug", name="Ada")
    expect(shop.page.get_by_text("No subscribers")).to_be_visible()

    subscriber.press("Subscribe")
    expect(subscriber.page.get_by_text("subscribed", exact=True)).to_be_visible()
    shop.buy("Enamel Mug", name="Ada")
    expect(shop.row("purchase.created")).to_contain_text("succeeded")
    subscriber.open("/")
    expect(subscriber.receipts("accepted")).to_have_count(1)


def test_an_endpoints_health_shows_failures_live(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    shop.open_endpoint()
    shop.expect_live()
    set_fault(subscriber_api, 500)

    delivery_id = buy(shop_api)

    failures = shop.page.get_by_role("region", name="Failed attempts by reason")
    row = failures.get_by_role("row").filter(has_text="Internal Server Error")
    expect(row).to_be_visible()
    health = shop.page.get_by_role("region", name="Last hour")
    column = health.get_by_role("figure", name="Attempts").get_by_role("img").last
    expect(column).to_have_accessible_name(re.compile(r"\d+ failed"))
    set_fault(subscriber_api, None)
    wait_until(shop_api, delivery_id, "succeeded")
    expect(column).to_have_accessible_name(re.compile(r"\d+ succeeded"))
    row.get_by_role("link").click()
    expect(shop.page.get_by_role("heading", level=1)).to_be_visible()
    expect(shop.page).to_have_url(re.compile(f"/deliveries/{delivery_id}$"))
