"""Buying, resending and pausing with the keyboard alone, with a visible focus."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, set_fault, wait_until

MAX_STOPS = 120  # more than any page has
# The width of the focus outline, in pixels.
FRAME = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
IS_IN_VIEW = """
(() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
})()
"""
HAS_FOCUS = "(element) => element === document.activeElement"


def go_to(target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus; check that the focus is visible at every stop."""
    page = target.page
    for _ in range(MAX_STOPS):
        page.keyboard.press(key)
        assert page.evaluate(FRAME) > 0, page.evaluate("document.activeElement.outerHTML")
        assert page.evaluate(IS_IN_VIEW), page.evaluate("document.activeElement.outerHTML")
        if target.evaluate(HAS_FOCUS):
            return
    pytest.fail(f"Tab does not lead to {target}")


def press(target: Locator, key: str = "Enter") -> None:
    go_to(target)
    target.page.keyboard.press(key)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_the_first_tab_stop_skips_the_header(shop: ShopTab) -> None:
    shop.open("/deliveries")
    skip = shop.page.get_by_role("link", name="Skip to the content")

    shop.page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    shop.page.keyboard.press("Enter")

    expect(shop.page.get_by_role("main")).to_be_focused()
    shop.page.keyboard.press("Tab")
    assert shop.page.evaluate("document.activeElement.closest('main') !== null")


def test_buying_works_with_the_keyboard(shop: ShopTab) -> None:
    shop.open("/")
    page = shop.page

    press(button(page, "Add Pocket Compass to cart"), "Space")
    cart = page.get_by_role("link", name="Cart 1", exact=True)
    expect(cart).to_be_visible()
    go_to(cart, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cart", level=1)).to_be_visible()
    go_to(page.get_by_label("Your name"))
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    expect(button(page, "Place order")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Order $27.90")
    expect(shop.row("purchase.created")).to_contain_text("succeeded")


def test_resending_works_with_the_keyboard(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api, "bell")
    shop_api.post("/v1/clock/advance", json={"seconds": 60}).raise_for_status()
    wait_until(shop_api, delivery_id, "failed")
    set_fault(subscriber_api, None)
    shop.open("/deliveries?state=failed")
    page = shop.page

    press(shop.row(delivery_id).get_by_role("link", name="purchase.created"))
    expect(shop.state()).to_contain_text("failed")
    press(button(page, "Resend now"))

    expect(shop.state()).to_contain_text("succeeded")
    wait_until(shop_api, delivery_id, "succeeded")


def test_appearance_and_faults_can_be_set_with_the_keyboard(
    subscriber: SubscriberTab,
) -> None:
    subscriber.open_live("/")
    page = subscriber.page

    press(page.locator("summary", has_text="Appearance"))
    press(button(page, "Dark"), "Space")
    expect(page.locator("html[data-theme=dark]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text="Appearance")).to_be_focused()
    press(button(page, "Live: pause updates"))
    press(button(page, "Paused: resume updates"), "Space")
    subscriber.expect_live()
    press(page.locator("summary", has_text="Set a fault"))
    go_to(page.get_by_label("Fault", exact=True))
    page.keyboard.press("ArrowDown")
    press(button(page, "Set fault"))

    expect(page.get_by_role("status")).to_contain_text("Failing on purpose")
    press(button(page, "Respond normally"))
    expect(page.get_by_text("normal", exact=True)).to_be_visible()


def test_a_mission_is_done_with_the_keyboard_from_the_list_to_the_explanation(
    subscriber: SubscriberTab,
) -> None:
    subscriber.open("/learn")
    page = subscriber.page

    press(page.get_by_role("link", name="First delivery", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Mission 3: First delivery")
    press(button(page, "Start the mission"))
    expect(page.get_by_role("heading", name="What is still missing")).to_be_visible()
    press(button(page, "Show a hint"))
    hints = page.get_by_role("region", name="Hints").get_by_role("listitem")
    expect(hints).to_have_count(1)
    with page.expect_popup() as opened:
        press(page.get_by_role("link", name="Open the shop"))
    shop = opened.value
    expect(shop.get_by_role("heading", level=1)).to_be_visible()
    press(button(shop, "Add Pocket Compass to cart"), "Space")
    cart = shop.get_by_role("link", name="Cart 1", exact=True)
    expect(cart).to_be_visible()
    go_to(cart, "Shift+Tab")
    shop.keyboard.press("Enter")
    expect(shop.get_by_role("heading", name="Cart", level=1)).to_be_visible()
    go_to(shop.get_by_label("Your name"))
    shop.keyboard.type("Ada")
    shop.keyboard.press("Enter")
    expect(shop.get_by_role("heading", level=1)).to_contain_text("Order $27.90")
    page.bring_to_front()

    happened = page.get_by_role("region", name="What happened")
    expect(happened).to_contain_text("Your order is ord_…")
    press(happened.get_by_role("link", name="Next: "))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mission ")


def test_a_fault_a_prediction_and_an_attack_of_missions_are_reached_with_the_keyboard(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    page = subscriber.page
    missing = page.get_by_role("main").get_by_role("status")

    subscriber.open("/missions/15")
    press(button(page, "Start the mission"))
    expect(missing).to_contain_text("0 of 3")
    press(page.get_by_role("link", name="Set a fault"))
    expect(page.get_by_role("heading", name="Set a fault", level=1)).to_be_visible()
    script = page.get_by_role("textbox", name="Script")
    go_to(script)
    page.keyboard.press("Control+A")
    page.keyboard.type("accept_then_500")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    press(page.get_by_role("link", name="Mission 15: At least once"))
    expect(missing).to_contain_text("a fault is on: buy something")

    buy(shop_api)
    happened = page.get_by_role("region", name="What happened")
    expect(happened).to_be_visible()

    subscriber.open("/missions/6")
    press(button(page, "Start the mission"))
    expect(missing).to_contain_text("0 of 3")
    go_to(page.get_by_role("radio", name="accepted: it is booked again"))
    page.keyboard.press("ArrowDown")
    press(button(page, "Answer"))
    expect(missing).to_contain_text("1 of 3")
    buy(shop_api)
    desk = page.get_by_role("link", name="Attack desk").first
    expect(desk).to_have_attribute("href", re.compile("/receipts/"))
    for attack in ("Replay now", "Replay after ten minutes"):
        press(desk)
        expect(page.get_by_role("heading", name="Attack desk")).to_be_visible()
        press(button(page, attack))
        expect(page.get_by_role("heading", name=attack)).to_be_visible()
        press(page.get_by_role("link", name="Mission 6: Replay"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Mission 6: Replay")
    expect(happened).to_be_visible()
