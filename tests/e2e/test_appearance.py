"""Light, dark and presenter size: chosen once, for both applications."""

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.conftest import NewContext
from tests.e2e.pair import Running, new_pair
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.programs import buy, client, set_fault, wait_until
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
    appearance_menu(tab).click()
    tab.press(choice)


def appearance_menu(tab: Tab) -> Locator:
    return tab.page.locator("summary", has_text="Appearance")


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

    expect(shop.page.locator("html")).to_have_attribute("data-scale", "presenter")
    assert shop.page.evaluate(TEXT_SIZE) >= 1.3 * before
    shop.expect_not_reloaded()


def test_a_choice_and_escape_close_the_menu_and_return_the_focus(shop: ShopTab) -> None:
    shop.open("/")
    menu, presenter = appearance_menu(shop), shop.page.get_by_role("button", name="Presenter")

    choose(shop, "Presenter")

    expect(presenter).to_be_hidden()
    expect(menu).to_be_focused()
    shop.page.keyboard.press("Enter")
    expect(presenter).to_have_attribute("aria-pressed", "true")
    shop.page.keyboard.press("Escape")
    expect(presenter).to_be_hidden()
    expect(menu).to_be_focused()


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


def test_on_a_projector_a_row_with_many_attempts_stays_low_and_in_the_window(
    browser: Browser, demo: Running
) -> None:
    waits = ",".join(["0", *["0.05"] * 10, *["600"] * 10])  # seconds before each attempt
    with new_pair(demo, retry_schedule=waits) as pair, client(pair.shop_url) as shop_api:
        with client(pair.subscriber_url) as subscriber_api:
            set_fault(subscriber_api, 503)
        wait_until(shop_api, buy(shop_api), "pending", attempts=11)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        shop = ShopTab(page, pair.shop_url)
        shop.open("/deliveries")
        choose(shop, "Presenter")
        expect(page.locator("html")).to_have_attribute("data-scale", "presenter")

        row = page.get_by_test_id("delivery")
        expect(row.get_by_role("button", name="Skip the wait")).to_be_visible()
        assert not page.evaluate(IS_TOO_WIDE)
        # Its table, too, has no part outside of the window.
        assert row.evaluate("(row) => row.getBoundingClientRect().right") <= 1280
        box = row.bounding_box()
        assert box
        assert box["height"] < 3.5 * 1.5 * page.evaluate(TEXT_SIZE)  # lines
        page.close()


def test_a_printed_page_is_black_on_white_with_all_details_and_no_buttons(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    shop.open_delivery(delivery_id)
    choose(shop, "Dark")
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
