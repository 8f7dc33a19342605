"""Live updates leave alone what the reader is doing, and survive a restart of the server."""

import re

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.demo import Demo
from tests.e2e.tabs import SOON_MS, ShopTab, SubscriberTab, Tab
from tests.e2e.watch import Watch
from tests.programs import buy, set_fault, wait_until
from tests.waiting import wait_for

LATE_SCRIPTS = re.compile(r"/(hx-sse\.min|live)\.js$")
SERVER_AWAY = r"htmx:sse:error|ERR_CONNECTION_|ERR_INCOMPLETE_CHUNKED_ENCODING"


def test_a_page_becomes_live_however_late_its_scripts_arrive(subscriber: SubscriberTab) -> None:
    held: list[Route] = []

    def hold(script: Route) -> None:
        held.append(script)

    subscriber.page.route(LATE_SCRIPTS, hold)
    subscriber.page.goto(subscriber.url, wait_until="commit")
    wait_for(lambda: runs_htmx(subscriber.page) and len(held) == 2, "htmx runs before the others")

    for script in held:
        script.continue_()

    subscriber.expect_live()


def runs_htmx(page: Page) -> bool:
    return bool(page.evaluate("typeof htmx === 'object'"))


def test_typed_text_and_the_caret_survive_an_update_of_the_log(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.open_live("/deliveries")
    field = shop.page.get_by_label("Id or part of the URL")
    field.fill("half a thought")
    field.press("Home")

    delivery_id = buy(shop_api)

    expect(shop.row(delivery_id)).to_contain_text("succeeded", timeout=SOON_MS)
    expect(field).to_be_focused()
    field.press_sequentially("not ")
    expect(field).to_have_value("not half a thought")
    shop.expect_not_reloaded()


def test_what_the_reader_opened_and_closed_stays_so_when_an_attempt_arrives(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=2)
    shop.open_delivery(delivery_id)
    first = shop.page.get_by_role("region", name="Request of attempt 1")
    second = shop.page.get_by_role("region", name="Request of attempt 2")
    expect(second).to_be_visible()
    toggle(shop, 1)
    toggle(shop, 2)
    count = shop.attempts().count()

    set_fault(subscriber_api, None)

    expect(shop.state()).to_contain_text("succeeded")
    assert shop.attempts().count() > count
    expect(first).to_be_visible()
    expect(second).to_be_hidden()
    shop.expect_not_reloaded()


def toggle(shop: ShopTab, attempt: int) -> None:
    shop.page.get_by_role("heading", name=f"Attempt {attempt}", exact=True).click()


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
