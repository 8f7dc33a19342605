"""Every page and every form works without JavaScript; only updates need a reload."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler
from playwright.sync_api import Browser, BrowserContext, expect

from hookshop.testing import HookshopServer
from shop.web.pages import page_handlers as shop_handlers
from subscriber_app.web.pages import page_handlers as subscriber_handlers
from tests.e2e.conftest import NewContext
from tests.e2e.every_page import (
    IN_MAIN_ONLY,
    SHOP,
    SUBSCRIBER,
    Scene,
    pages_of_sandboxes,
    set_the_scene,
    with_an_attack,
)
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.programs import wait_until

# The page of each form, its route, and the input by field name. The order matters: some forms need
# the result of an earlier one. Login and logout are in test_login.
SHOP_FORMS = [
    ("/", "/appearance", {}),
    ("/", "/cart/items", {}),
    ("/cart", "/cart/items/{product_id:str}", {"quantity": "2"}),
    ("/cart", "/orders", {"customer_name": "Ada"}),
    ("/flow", "/flow/orders", {}),
    ("/flow", "/steady-orders", {}),
    ("/overview", "/steady-orders", {}),
    ("/orders/{order}", "/orders/{order_id:str}/ship", {}),
    ("/orders/{order}/refund", "/orders/{order_id:str}/refund", {}),
    ("/endpoints", "/endpoints", {"webhook_url": "http://127.0.0.1:9011/hook"}),
    ("/endpoints/{endpoint}", "/endpoints/{endpoint_id:str}/ping", {}),
    ("/endpoints/{endpoint}/edit", "/endpoints/{endpoint_id:str}/edit", {"description": "Ours"}),
    (
        "/endpoints/{paused_endpoint}/recover?period=day",
        "/endpoints/{endpoint_id:str}/recover",
        {},
    ),
    ("/deliveries/{waiting_delivery}", "/deliveries/{delivery_id:str}/cancel", {}),
    ("/deliveries/retry", "/deliveries/retry", {}),
    ("/deliveries/{delivery}", "/deliveries/{delivery_id:str}/attempts", {}),
    (
        "/endpoints/{paused_endpoint}/rotate-secret",
        "/endpoints/{endpoint_id:str}/rotate-secret",
        {},
    ),
    ("/endpoints/{paused_endpoint}", "/endpoints/{endpoint_id:str}/status", {}),
    ("/endpoints/{paused_endpoint}/delete", "/endpoints/{endpoint_id:str}/delete", {}),
    ("/reset", "/reset", {}),
]
SUBSCRIBER_FORMS = [
    ("/", "/appearance", {}),
    ("/polling", "/polling", {}),
    ("/missions/8", "/missions/{number:str}/start", {}),
    ("/missions/8", "/missions/{number:str}/answers", {"answer": "5"}),
    ("/missions/8", "/missions/{number:str}/hint", {}),
    ("/missions/8", "/missions/{number:str}/skip", {}),
    ("/missions/7", "/missions/{number:str}/start", {}),
    ("/missions/7", "/missions/{number:str}/actions", {}),
    ("/missions/3", "/missions/{number:str}/start", {}),
    ("/", "/faults", {"status": "503"}),
    ("/missions/3", "/missions/{number:str}/repair", {}),
    ("/", "/missions/put-away", {}),
    ("/missions/receiver", "/missions/receiver", {"webhook_url": "http://127.0.0.1:9010/hook"}),
    (
        "/missions/receiver",
        "/missions/receiver/probe",
        {"probe_url": "http://127.0.0.1:9010/probe"},
    ),
    ("/missions/receiver", "/missions/receiver/secret", {"secret": "whsec_" + 43 * "A" + "="}),
    ("/missions/build-4", "/missions/{number:str}/start", {}),
    ("/missions/build-4", "/missions/{number:str}/check", {}),
    ("/missions/receiver", "/missions/receiver/delete", {}),
    ("/missions/reset", "/missions/reset", {}),
    ("/", "/faults", {"status": "503"}),
    ("/purchases", "/faults", {}),
    ("/defences", "/defences", {}),
    ("/defences", "/defences", {}),
    ("/receipts/{receipt}", "/receipts/{receipt_id:str}/attacks/{attack:str}", {}),
    ("/receipts/{receipt}/editor", "/receipts/{receipt_id:str}/editor", {}),
    ("/subscription", "/subscription/rotation", {}),
    ("/subscription", "/subscription/skip", {}),
    ("/subscription", "/subscription/secret", {"secret": "whsec_" + 43 * "A" + "="}),
    ("/receipts/delete", "/receipts/delete", {}),
    ("/subscription/delete", "/subscription/delete", {}),
    ("/subscription", "/subscription", {}),
    ("/reset", "/reset", {}),
]
IN_TEST_LOGIN = {"/login", "/logout"}
# They need a delivery that waits for a planned time.
IN_TEST_SKIPPING = {
    "/skip",
    "/deliveries/{delivery_id:str}/skip",
    "/endpoints/{endpoint_id:str}/skip",
}
IN_TEST_EXAM = {"/exam", "/exam/{exam_id:str}/stop"}


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    return new_context(java_script_enabled=False)


def test_an_order_its_delivery_and_its_receipt_can_be_seen(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    order_id = shop.buy("Pocket Compass", name="Ada")
    wait_until(shop_api, delivery_of(shop_api, order_id), "succeeded")

    expect(shop.page.get_by_text("Reload to update")).to_be_visible()
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


def test_a_fault_can_be_set_and_a_delivery_resent(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    subscriber.fail_with("503")
    delivery_id = delivery_of(shop_api, shop.buy("Teapot", name="Ada"))
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop.open(f"/deliveries/{delivery_id}")
    expect(shop.page.get_by_text("503 Service Unavailable").first).to_be_visible()
    expect(shop.state()).to_contain_text("is planned")
    subscriber.back_to_normal()

    shop.press("Resend now")

    wait_until(shop_api, delivery_id, "succeeded")
    shop.page.reload()
    expect(shop.state()).to_contain_text("succeeded")
    expect(shop.page.get_by_text("manual", exact=True)).to_be_visible()


@pytest.fixture
def scene(shop_api: httpx.Client, subscriber_api: httpx.Client, subscriber: SubscriberTab) -> Scene:
    scene = set_the_scene(shop_api, subscriber_api)
    return with_an_attack(scene, subscriber.page, subscriber.url)


def test_every_page_can_be_read(shop: ShopTab, subscriber: SubscriberTab, scene: Scene) -> None:
    for tab, pages in ((shop, SHOP), (subscriber, SUBSCRIBER)):
        for path in scene.addresses(pages_of_sandboxes(pages)):
            tab.open(path)
            expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
            for time in tab.page.locator("time:visible").all_inner_texts():
                assert time.endswith(" UTC"), path


def test_every_form_of_the_shop_can_be_sent(shop: ShopTab, scene: Scene) -> None:
    for where, route, fields in SHOP_FORMS:
        send(shop, scene.address(where), route, fields)

    assert {route for _where, route, _fields in SHOP_FORMS} == routes_of_forms(shop_handlers)


def test_every_form_of_the_subscriber_can_be_sent(subscriber: SubscriberTab, scene: Scene) -> None:
    for where, route, fields in SUBSCRIBER_FORMS:
        send(subscriber, scene.address(where), route, fields)

    routes = {route for _where, route, _fields in SUBSCRIBER_FORMS}
    assert routes == routes_of_forms(subscriber_handlers)


def test_sandboxes_are_made_and_dropped(browser: Browser, demo: HookshopServer) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    for id_, url in (("of-the-shop", demo.shop_url), ("of-both", demo.subscriber_url)):
        tab = Tab(page, url)
        send(tab, "/sandboxes", "/sandboxes", {"id": id_})
        expect(page.get_by_text(id_).first).to_be_visible()
        send(tab, f"/sandboxes/{id_}/drop", "/sandboxes/{sandbox_id:str}/drop", {})
    page.context.close()


def routes_of_forms(handlers: Iterable[HTTPRouteHandler]) -> set[str]:
    return {path for each in handlers for path in each.paths if "POST" in each.http_methods} - {
        *IN_TEST_LOGIN,
        *IN_TEST_SKIPPING,
        *IN_TEST_EXAM,
        *IN_MAIN_ONLY,
    }


def send(tab: Tab, where: str, route: str, fields: dict[str, str]) -> None:
    """Open the page, fill in the form for this route, and submit it."""
    tab.open(where)
    form = tab.page.locator(f"form{that_posts_to(urlsplit(tab.url).path + route)}").first
    # Some are collapsed.
    for summary in form.locator("xpath=ancestor::details[not(@open)]/summary").all():
        summary.click()
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    with tab.page.expect_navigation() as answer:
        form.locator("button").first.click()  # one of them is a switch
    assert answer.value.ok, f"{route}: {answer.value.status}"
    expect(tab.page.get_by_role("heading", level=1)).to_be_visible()


def that_posts_to(route: str) -> str:
    """Return a selector for the form with this route, for any ids."""
    beginning, *middle, end = re.split(r"\{.*?\}", route) if "{" in route else (route, route)
    parts = [f'[action^="{beginning}"]', *(f'[action*="{part}"]' for part in middle)]
    return "".join(parts) + (f'[action$="{end}"]' if end else "")
