"""The lists of both applications: stable rows, marks, resending from a row, time ranges."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.conftest import NewContext
from tests.e2e.pair import Pair, Running, new_pair
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.e2e.watch import Watch
from tests.programs import buy, set_fault, wait_until
from tests.waiting import wait_for

IN_SECONDS = re.compile(r"in (\d+) s")


@pytest.fixture(params=["shop", "subscriber"])
def log(request: pytest.FixtureRequest, shop: ShopTab, subscriber: SubscriberTab) -> Tab:
    return shop if request.param == "shop" else subscriber


def path(log: Tab) -> str:
    return "/deliveries" if isinstance(log, ShopTab) else "/"


def rows(log: Tab) -> Locator:
    return log.page.locator("tbody tr")


def place(row: Locator) -> float:
    """Return the distance of a row from the top of the window, in pixels."""
    box = row.bounding_box()
    assert box
    return box["y"]


def newer(log: Tab, count: int) -> Locator:
    return log.page.get_by_role("link", name=f"{count} new, show", exact=True)


def buy_and_deliver(shop_api: httpx.Client, count: int) -> list[str]:
    bought = [buy(shop_api) for _ in range(count)]
    for delivery_id in bought:
        wait_until(shop_api, delivery_id, "succeeded")
    return bought


def scrolled_to(log: Tab, index: int) -> Locator:
    """Scroll the row with this index to the middle of the window, and return it."""
    row = rows(log).nth(index)
    row.evaluate("(row) => row.scrollIntoView({block: 'center'})")
    return log.page.locator(f"[id='{row.get_attribute('id')}']")


def test_new_rows_do_not_move_the_visible_ones(log: Tab, shop_api: httpx.Client) -> None:
    buy_and_deliver(shop_api, 14)
    log.open_live(path(log))
    expect(rows(log).nth(13)).to_be_attached()
    first = rows(log).first.get_attribute("id")
    row = scrolled_to(log, 11)
    before = place(row)
    pause = log.page.get_by_role("button", name="Live: pause updates")
    pause.evaluate("(button) => button.focus({preventScroll: true})")

    buy_and_deliver(shop_api, 12)

    expect(newer(log, 12)).to_be_visible()
    assert place(row) == pytest.approx(before, abs=1)  # browsers round scroll positions
    expect(pause).to_be_focused()
    newer(log, 12).click()
    expect(newer(log, 12)).to_have_count(0)
    expect(rows(log).nth(12)).to_have_id(str(first))
    expect(rows(log).first).to_be_in_viewport()
    log.expect_not_reloaded()
    log.expect_live()


def test_a_visible_row_still_changes_while_new_rows_are_held_back(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    watched = buy(shop_api)
    set_fault_once_failed(shop_api, subscriber_api, watched)
    buy_and_deliver(shop_api, 12)
    shop.open_live("/deliveries")
    row = shop.row(watched)
    row.evaluate("(row) => row.scrollIntoView({block: 'center'})")
    buy_and_deliver(shop_api, 1)
    expect(newer(shop, 1)).to_be_visible()

    shop_api.post(f"/v1/deliveries/{watched}/attempts", json={}).raise_for_status()

    expect(row.locator("i.ok")).to_have_count(2)
    expect(newer(shop, 1)).to_be_visible()


def set_fault_once_failed(shop: httpx.Client, subscriber: httpx.Client, delivery_id: str) -> None:
    """Make a delivery fail once, then succeed."""
    wait_until(shop, delivery_id, "pending", attempts=1)
    set_fault(subscriber, None)
    wait_until(shop, delivery_id, "succeeded")


def test_while_the_reader_is_at_the_top_rows_simply_appear(
    log: Tab, shop_api: httpx.Client
) -> None:
    log.open_live(path(log))

    for _ in range(3):
        before = str(rows(log).first.get_attribute("id")) if rows(log).count() else "none"
        buy_and_deliver(shop_api, 1)
        expect(rows(log).first).not_to_have_id(before)

    expect(log.page.get_by_text("new, show")).to_have_count(0)


def test_the_focus_in_a_row_holds_the_rows_until_it_leaves(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    [read] = buy_and_deliver(shop_api, 1)
    shop.open_live("/deliveries")
    link = shop.row(read).get_by_role("link", name="purchase.created")
    shop.page.keyboard.press("Tab")  # after this, the browser shows the focus
    link.focus()
    before = place(link)

    [new] = buy_and_deliver(shop_api, 1)

    expect(newer(shop, 1)).to_be_visible()
    expect(link).to_be_focused()
    assert place(link) == pytest.approx(before, abs=1)
    link.blur()
    expect(shop.row(new)).to_contain_text("succeeded")
    expect(newer(shop, 1)).to_have_count(0)


def test_a_pointer_that_is_about_to_press_something_holds_the_rows(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    buy_and_deliver(shop_api, 2)
    shop.open_live("/deliveries")
    row = rows(shop).first
    row.hover()
    name = row.get_attribute("id")

    [new] = buy_and_deliver(shop_api, 1)

    expect(newer(shop, 1)).to_be_visible()
    expect(rows(shop).first).to_have_id(str(name))
    shop.page.mouse.move(2, 2)
    expect(shop.row(new)).to_be_visible()  # after the pointer has rested


def test_without_javascript_a_view_that_holds_still_has_a_link_to_what_is_new(
    new_context: NewContext, shop_url: str, shop_api: httpx.Client
) -> None:
    ids = buy_and_deliver(shop_api, 3)
    tab = ShopTab(new_context(java_script_enabled=False).new_page(), shop_url)

    tab.open(f"/deliveries?newest={ids[0]}")

    expect(rows(tab).first).to_have_id(f"row-{ids[0]}")
    newer(tab, 2).click()
    expect(rows(tab).first).to_have_id(f"row-{ids[2]}")


def test_each_attempt_is_a_mark_whose_tooltip_shows_the_outcome(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 503)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=2)
    shop.open_live("/deliveries")
    row = shop.row(delivery_id)
    expect(row.locator("i.yet")).not_to_have_count(0)
    story = row.get_by_text(re.compile(r"1: 503, \d\d:\d\d:\d\d"))
    expect(story).not_to_be_in_viewport(ratio=0.9)

    row.locator("[tabindex]").focus()

    expect(story).to_be_in_viewport(ratio=0.9)
    expect(story).to_contain_text("more planned")
    set_fault(subscriber_api, None)
    expect(row).to_contain_text("succeeded")
    expect(row.locator("i.no")).not_to_have_count(0)
    expect(row.locator("i.ok")).to_have_count(1)
    expect(row.locator("i.yet")).to_have_count(0)
    expect(row.locator("[tabindex]")).to_be_focused()


class TestWithALongWait:
    @pytest.fixture
    def pair(self, demo: Running) -> Iterator[Pair]:
        with new_pair(demo, retry_schedule="0,59") as pair:
            yield pair

    def test_the_time_to_the_next_attempt_counts_down(
        self, shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
    ) -> None:
        set_fault(subscriber_api, 503)
        delivery_id = buy(shop_api)
        wait_until(shop_api, delivery_id, "pending", attempts=1)

        shop.open_live("/deliveries")

        countdown = shop.row(delivery_id).locator("[data-moment=countdown]")
        expect(countdown).to_have_text(IN_SECONDS)
        before = seconds_left(countdown)
        wait_for(lambda: seconds_left(countdown) < before, "it counts down")


def seconds_left(countdown: Locator) -> int:
    shown = IN_SECONDS.search(countdown.inner_text())
    assert shown
    return int(shown[1])


@pytest.fixture
def cancelled(shop_api: httpx.Client, subscriber_api: httpx.Client) -> str:
    """A cancelled delivery, below a dozen that succeeded."""
    set_fault(subscriber_api, 503)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop_api.post(f"/v1/deliveries/{delivery_id}/cancel", json={}).raise_for_status()
    set_fault(subscriber_api, None)
    buy_and_deliver(shop_api, 12)
    return delivery_id


def test_sending_from_a_row_with_the_keyboard_keeps_the_position(
    shop: ShopTab, cancelled: str
) -> None:
    shop.open_live("/deliveries")
    row = shop.row(cancelled)
    row.evaluate("(row) => row.scrollIntoView({block: 'center'})")
    before = place(row)
    row.get_by_role("button", name="Resend now").focus()

    shop.page.keyboard.press("Enter")

    expect(row).to_contain_text("succeeded")
    assert place(row) == pytest.approx(before, abs=1)
    shop.expect_not_reloaded()


def test_without_javascript_sending_from_a_row_leads_back_to_it(
    new_context: NewContext, shop_url: str, shop_api: httpx.Client, cancelled: str
) -> None:
    tab = ShopTab(new_context(java_script_enabled=False).new_page(), shop_url)
    tab.open("/deliveries?event_type=purchase.created")

    tab.row(cancelled).get_by_role("button", name="Resend now").click()

    wait_until(shop_api, cancelled, "succeeded")
    assert tab.page.url.endswith(f"?event_type=purchase.created#row-{cancelled}")
    expect(tab.row(cancelled)).to_be_in_viewport()


def test_a_deleted_delivery_is_not_sent_and_the_page_says_so(
    shop: ShopTab, cancelled: str, watch: Watch
) -> None:
    watch.expect(r"status of 404")
    shop.open_live("/deliveries")
    button = shop.row(cancelled).get_by_role("button", name="Resend now")
    gone = f"{shop.url}/deliveries/dlv_gone/attempts"
    button.evaluate("(button, address) => (button.formAction = address)", gone)

    button.click()

    expect(shop.page.get_by_role("heading", level=1)).to_contain_text("Not Found")


@pytest.fixture
def abroad(new_context: NewContext) -> BrowserContext:
    """A time zone that always differs from UTC, with daylight saving of half an hour."""
    return new_context(timezone_id="Australia/Lord_Howe")


def test_moments_are_typed_in_the_readers_time_and_shared_in_utc(
    abroad: BrowserContext, shop_url: str, shop_api: httpx.Client, new_context: NewContext
) -> None:
    [delivery_id] = buy_and_deliver(shop_api, 1)
    made = shop_api.get(f"/v1/deliveries/{delivery_id}").json()["created_at"]
    minute = datetime.fromisoformat(made).replace(second=0, microsecond=0)
    tab = ShopTab(abroad.new_page(), shop_url)
    tab.open("/deliveries")
    tab.page.get_by_label("Time", exact=True).select_option("between")
    local = tab.page.evaluate(LOCAL, minute.isoformat())

    tab.page.get_by_label("From (your time)").fill(local)
    tab.press("Filter")

    expect(tab.row(delivery_id)).to_be_visible()
    assert f"since={minute:%Y-%m-%dT%H}%3A{minute:%M}%3A00" in tab.page.url
    expect(tab.page.get_by_label("From (your time)")).to_have_value(re.compile(re.escape(local)))
    elsewhere = ShopTab(new_context().new_page(), shop_url)
    elsewhere.page.goto(tab.page.url)
    expect(elsewhere.row(delivery_id)).to_be_visible()
    earlier = (minute - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    elsewhere.open(f"/deliveries?until={earlier}&q={delivery_id}")
    expect(elsewhere.page.get_by_text("No matching deliveries")).to_be_visible()


LOCAL = """(text) => {
  const moment = new Date(text);
  return new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}"""


@pytest.fixture
def berlin(new_context: NewContext) -> BrowserContext:
    """A time zone in which 2026-10-25 has the hour from 2 to 3 twice, from 00:00 and 01:00 UTC."""
    return new_context(timezone_id="Europe/Berlin")


@pytest.fixture(params=["shop", "subscriber"])
def autumn(
    request: pytest.FixtureRequest, berlin: BrowserContext, shop_url: str, subscriber_url: str
) -> Tab:
    """A tab in Berlin, on each of the two lists with a time filter."""
    if request.param == "shop":
        return ShopTab(berlin.new_page(), shop_url)
    return SubscriberTab(berlin.new_page(), subscriber_url)


def sent(tab: Tab, name: str) -> str:
    """Return a field of the form as it was sent."""
    [value] = parse_qs(urlsplit(tab.page.url).query)[name]
    return value


@pytest.mark.parametrize(
    ("moment", "offset"), [("2026-10-25T00:30:00", "UTC+2"), ("2026-10-25T01:30:00", "UTC+1")]
)
def test_a_filter_in_the_hour_that_comes_twice_in_autumn_stays_where_it_is(
    moment: str, offset: str, autumn: Tab
) -> None:
    autumn.open(f"{path(autumn)}?since={moment}&until={moment}")
    beginning = autumn.page.get_by_label(f"From (your time, {offset})")
    expect(beginning).to_have_value(re.compile("2026-10-25T02:30"))

    autumn.press("Filter")

    expect(autumn.page.get_by_label(f"To (your time, {offset})")).to_be_visible()
    assert [sent(autumn, "since"), sent(autumn, "until")] == [moment, moment]


def test_a_range_typed_in_the_hour_that_comes_twice_holds_both(autumn: Tab) -> None:
    autumn.open(f"{path(autumn)}?since=2026-10-25T12:00:00&until=2026-10-25T12:00:00")
    autumn.page.get_by_label("From (your time)").fill("2026-10-25T02:30")
    autumn.page.get_by_label("To (your time)").fill("2026-10-25T02:30")
    expect(autumn.page.get_by_label("From (your time, UTC+2)")).to_be_visible()
    expect(autumn.page.get_by_label("To (your time, UTC+1)")).to_be_visible()

    autumn.press("Filter")

    expect(autumn.page.get_by_label("To (your time, UTC+1)")).to_be_visible()
    assert sent(autumn, "since") == "2026-10-25T00:30:00"
    assert sent(autumn, "until") == "2026-10-25T01:30:00"


def test_a_time_that_is_skipped_in_spring_means_an_hour_later(autumn: Tab) -> None:
    autumn.open(f"{path(autumn)}?since=2026-10-25T12:00:00")
    autumn.page.get_by_label("From (your time)").fill("2026-03-29T02:30")

    autumn.press("Filter")

    expect(autumn.page.get_by_label("From (your time)")).to_have_value(re.compile("T03:30"))
    assert sent(autumn, "since") == "2026-03-29T01:30:00"


def test_an_id_as_pages_show_it_is_found_on_both_sides(
    shop: ShopTab, subscriber: SubscriberTab, shop_api: httpx.Client
) -> None:
    wanted, _other = buy_and_deliver(shop_api, 2)
    message_id = shop_api.get(f"/v1/deliveries/{wanted}").json()["message_id"]
    tabs: list[tuple[Tab, str]] = [
        (shop, "ID or part of the URL"),
        (subscriber, "ID or part of the body"),
    ]
    for tab, label in tabs:
        tab.open(path(tab))

        tab.page.get_by_label(label).fill(message_id[-8:])
        tab.page.get_by_label(label).press("Enter")

        expect(rows(tab)).to_have_count(1)
        assert f"q={message_id[-8:]}" in tab.page.url
        expect(tab.page.get_by_role("link", name="Show all", exact=True)).to_be_visible()


def test_a_narrowed_view_is_live(shop: ShopTab, shop_api: httpx.Client) -> None:
    shop.open_live("/deliveries?period=hour&event_type=purchase.created&state=succeeded")

    [delivery_id] = buy_and_deliver(shop_api, 1)

    expect(shop.row(delivery_id)).to_contain_text("succeeded")
