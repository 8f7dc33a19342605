"""Times are relative, with the exact time in the reader's zone on hover and focus."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, wait_until

ZONE = "America/New_York"  # behind UTC, with daylight saving time
# Records for each frame whether the server's text was visible for a moment.
WATCH_FOR_UTC = """
window.sawUtc = [];
const look = () => {
  for (const time of document.querySelectorAll("time:not([data-moment])")) {
    if (!time.firstElementChild) window.sawUtc.push(time.textContent);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    return new_context(timezone_id=ZONE)


def delivered(shop_api: httpx.Client) -> tuple[str, str]:
    """A delivery's id and its creation time, as written by a reader in New York."""
    delivery_id = buy(shop_api)
    made = wait_until(shop_api, delivery_id, "succeeded")["created_at"]
    there = datetime.fromisoformat(made).astimezone(ZoneInfo(ZONE))
    hours = int(there.strftime("%z")[1:3])
    return delivery_id, f"{there:%Y-%m-%d %H:%M:%S} UTC−{hours}, {ZONE}"


def tip(page: Page) -> Locator:
    return page.locator(".tip")


def test_hovering_shows_the_exact_time(shop: ShopTab, shop_api: httpx.Client) -> None:
    delivery_id, exactly = delivered(shop_api)
    shop.open_live("/deliveries")
    when = shop.row(delivery_id).locator("time").first

    expect(when).to_contain_text("ago")
    when.hover()

    expect(tip(shop.page)).to_have_text(exactly)
    shop.page.keyboard.press("Escape")
    expect(tip(shop.page)).to_be_hidden()


def test_focusing_the_link_of_a_row_shows_its_exact_time(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id, exactly = delivered(shop_api)
    shop.open_live("/deliveries")
    link = shop.row(delivery_id).get_by_role("link", name="purchase.created")

    while not link.evaluate("(link) => link === document.activeElement"):
        shop.page.keyboard.press("Tab")

    expect(tip(shop.page)).to_have_text(exactly)


def test_a_time_outside_of_a_row_can_be_focused(
    subscriber: SubscriberTab,
) -> None:
    subscriber.open("/subscription")
    since = subscriber.page.locator("dd time")

    since.focus()
    subscriber.page.keyboard.press("Shift+Tab")
    subscriber.page.keyboard.press("Tab")

    expect(since).to_be_focused()
    expect(tip(subscriber.page)).to_contain_text(ZONE)


def test_relative_times_update_but_not_for_screen_readers(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id, exactly = delivered(shop_api)
    shop.page.clock.install()
    shop.open_live(
        "/deliveries"
    )  # connect first: it has a deadline, and the clock is about to jump
    when = shop.row(delivery_id).locator("time").first
    heard = when.locator(".time__exact")
    expect(heard).to_have_text(exactly.partition(",")[0])

    shop.page.clock.fast_forward("05:00")

    expect(when).to_contain_text("5 min ago")
    # Whole days: after 47 hours it is still "yesterday" for what happened just after midnight.
    shop.page.clock.fast_forward("48:00:00")
    expect(when).to_contain_text("days ago")
    expect(heard).to_have_text(exactly.partition(",")[0])
    expect(when.locator("[aria-hidden=true]")).to_have_count(1)


def test_a_live_update_never_brings_the_servers_text_back(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivered(shop_api)
    shop.page.add_init_script(WATCH_FOR_UTC)
    shop.open_live("/deliveries")
    shop.page.evaluate("window.sawUtc = []")  # the server's text was correct before the scripts ran

    for _ in range(3):
        delivery_id, _exactly = delivered(shop_api)
        expect(shop.row(delivery_id)).to_contain_text("succeeded")

    assert shop.page.evaluate("window.sawUtc") == []
    expect(shop.row(delivery_id)).to_contain_text("ago")


def test_a_time_in_the_year_999_does_not_break_the_others(
    subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    wait_until(shop_api, buy(shop_api), "succeeded")
    subscriber.open("/")
    subscriber.open_receipt("accepted")
    subscriber.follow("Edit request")
    fill_in_other(subscriber.page, message_id="msg_999", date="0999-11-23T12:00:00Z")
    subscriber.press("Sign with current time")
    subscriber.press("Send request")
    expect(subscriber.page.get_by_role("heading", name="Edited by hand")).to_be_visible()

    subscriber.open("/purchases")

    times = subscriber.page.locator("main time:not([data-moment])")
    assert times.count() > 0
    for when in times.all():
        expect(when.locator(".time__ticking")).not_to_be_empty()


def fill_in_other(page: Page, *, message_id: str, date: str) -> None:
    """Change the message in the editor's fields to another one."""
    headers, body = page.get_by_label("Headers"), page.get_by_label("Body")
    headers.fill(re.sub("webhook-id: .*", f"webhook-id: {message_id}", headers.input_value()))
    body.fill(re.sub('"date":"[^"]*"', f'"date":"{date}"', body.input_value()))
