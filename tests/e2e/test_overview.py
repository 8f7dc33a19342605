"""The overview updates after an order and works with the keyboard."""

import re

import httpx
from playwright.sync_api import Locator, expect

from tests.e2e.tabs import ShopTab
from tests.programs import buy, set_fault, wait_until

ORDERS = "Orders per minute"
# Pixels between the bottom of each chart and its labels.
ROOM_FOR_LABELS = """
[...document.querySelectorAll(".chart__plot")].map((plot) =>
  plot.closest("figure").querySelector(".chart__marks").getBoundingClientRect().top
    - plot.getBoundingClientRect().bottom)
"""


def chart(shop: ShopTab, title: str) -> Locator:
    return shop.page.get_by_role("figure", name=title)


def newest_column(shop: ShopTab, title: str) -> Locator:
    return chart(shop, title).get_by_role("img").last


def test_an_order_appears_in_numbers_and_charts_without_a_reload(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.open_live("/overview")
    before = shop_api.get("/v1/stats").json()["orders"]

    delivery_id = buy(shop_api)

    wait_until(shop_api, delivery_id, "succeeded")
    orders = shop.page.get_by_role("term").filter(has_text="Orders").locator("xpath=../dd[1]")
    expect(orders).to_have_text(str(before + 1))
    made = newest_column(shop, "Deliveries per minute, by state")
    expect(made).to_have_accessible_name(re.compile(r"UTC: .*succeeded"))
    shop.expect_not_reloaded()


def test_a_bar_shows_its_minute_on_hover_and_focus(shop: ShopTab, shop_api: httpx.Client) -> None:
    wait_until(shop_api, buy(shop_api), "succeeded")
    shop.open_live("/overview")
    column = newest_column(shop, ORDERS)
    words = column.locator("text")
    expect(words).to_be_hidden()

    column.focus()
    expect(words).to_be_visible()
    expect(words).to_contain_text(re.compile(r"^\d\d:\d\d UTC: \d+ orders$"))
    shop.page.keyboard.press("Home")

    expect(chart(shop, ORDERS).get_by_role("img").first).to_be_focused()


def test_the_numbers_can_be_read_without_the_chart(shop: ShopTab, shop_api: httpx.Client) -> None:
    wait_until(shop_api, buy(shop_api), "succeeded")
    shop.open_live("/overview")

    chart(shop, ORDERS).get_by_text("Show as a table").click()

    table = chart(shop, ORDERS).get_by_role("table")
    expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(r"\d\d:\d\d\s*\d+"))
    buy(shop_api)  # an opened part stays open
    expect(table).to_be_visible()


def test_failures_are_grouped_by_reason(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    shop.open_live("/overview")
    set_fault(subscriber_api, 503)

    delivery_id = buy(shop_api)

    failed = shop.page.get_by_role("region", name="Failed attempts by reason")
    expect(failed.get_by_role("row").filter(has_text="Service Unavailable")).to_be_visible()
    set_fault(subscriber_api, None)
    wait_until(shop_api, delivery_id, "succeeded")


def test_on_a_telephone_no_chart_covers_its_labels(shop: ShopTab, shop_api: httpx.Client) -> None:
    wait_until(shop_api, buy(shop_api), "succeeded")
    shop.page.set_viewport_size({"width": 390, "height": 844})

    shop.open_endpoint()

    room = shop.page.evaluate(ROOM_FOR_LABELS)
    assert room
    assert min(room) >= 0
