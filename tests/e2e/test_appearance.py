"""Light, dark and presenter size: chosen once, for both applications."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.programs import buy, set_fault, wait_until
from tests.waiting import wait_for

# The lightness of the page's background, from 0 to 1; the color is in oklch.
LIGHTNESS = """
Number(getComputedStyle(document.documentElement).backgroundColor.match(/oklch\\(([0-9.]+)/)[1])
"""
TEXT_SIZE = "parseFloat(getComputedStyle(document.body).fontSize)"
IS_TOO_WIDE = "document.scrollingElement.scrollWidth > window.innerWidth"
FOR_THE_STAGE = ["/", "/overview", "/flow", "/orders", "/deliveries", "/endpoints"]
MOVING = "document.getAnimations().length"


def choose(tab: Tab, choice: str) -> None:
    """Open the menu in the masthead and choose."""
    tab.page.locator("summary", has_text="Appearance").click()
    tab.press(choice)


def is_dark(tab: Tab) -> bool:
    return bool(tab.page.evaluate(LIGHTNESS) < 0.5)


def test_a_choice_in_one_application_applies_to_both(
    shop: ShopTab, subscriber: SubscriberTab
) -> None:
    shop.open("/")
    assert not is_dark(shop)

    with shop.page.expect_response("**/appearance"):  # a reload would cancel the request
        choose(shop, "Dark")
    expect(shop.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert is_dark(shop)
    shop.page.reload()
    subscriber.open("/")

    assert is_dark(shop)
    assert is_dark(subscriber)


def test_a_live_page_changes_without_a_reload(shop: ShopTab) -> None:
    shop.open_live("/deliveries")
    before = shop.page.evaluate(TEXT_SIZE)

    choose(shop, "Presenter")

    expect(shop.page.get_by_role("button", name="Presenter")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert shop.page.evaluate(TEXT_SIZE) >= 1.3 * before
    shop.expect_not_reloaded()
    shop.page.keyboard.press("Escape")
    expect(shop.page.get_by_role("button", name="Presenter")).to_be_hidden()


def test_without_javascript_the_choice_returns_to_the_same_page(
    new_context: NewContext, shop_url: str
) -> None:
    shop = ShopTab(new_context(java_script_enabled=False).new_page(), shop_url)
    shop.open("/deliveries?state=failed")

    choose(shop, "Dark")

    expect(shop.page.locator("html[data-theme=dark]")).to_be_visible()
    assert shop.page.url == f"{shop_url}/deliveries?state=failed"


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_in_presenter_mode_no_page_scrolls_sideways(
    width: int,
    shop: ShopTab,
    subscriber: SubscriberTab,
    shop_api: httpx.Client,
    subscriber_api: httpx.Client,
) -> None:
    wait_until(shop_api, buy(shop_api, "fishing-rod", 9, "Ada Lovelace"), "succeeded")
    set_fault(subscriber_api, 503)
    wait_until(shop_api, buy(shop_api), "pending", attempts=1)
    shop.open("/")
    choose(shop, "Presenter")
    expect(shop.page.locator("html")).to_have_attribute("data-scale", "presenter")

    for tab, paths in ((shop, FOR_THE_STAGE), (subscriber, ["/", "/purchases", "/story"])):
        tab.page.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            tab.open(path)
            assert not tab.page.evaluate(IS_TOO_WIDE), path


def test_a_printed_page_is_black_on_white_with_all_details_and_no_buttons(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    shop.open_delivery(delivery_id)
    choose(shop, "Dark")
    shop.page.keyboard.press("Escape")
    request = shop.page.get_by_role("region", name="Request of attempt 1")
    shop.page.get_by_role("heading", name="Attempt 1", exact=True).click()
    expect(request).to_be_hidden()

    shop.page.emulate_media(media="print")

    expect(shop.page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(request).to_be_visible()
    expect(shop.page.get_by_role("button")).to_have_count(0)
    expect(shop.page.get_by_role("navigation")).to_have_count(0)


def test_nothing_moves_with_reduced_motion(shop: ShopTab) -> None:
    shop.open_live("/deliveries")
    wait_for(lambda: shop.page.evaluate(MOVING), "the sign of a live page moves")

    shop.page.emulate_media(reduced_motion="reduce")

    wait_for(lambda: shop.page.evaluate(MOVING) == 0, "everything stands still")
