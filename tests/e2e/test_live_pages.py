"""Live updates do not disturb the reader."""

import re

import httpx
from playwright.sync_api import Page, Route, expect

from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.e2e.watch import Watch
from tests.programs import buy, set_fault, wait_until
from tests.waiting import wait_for

LATE_SCRIPTS = re.compile(r"/(hx-sse\.min|live)\.js$")


def test_a_page_becomes_live_however_late_its_scripts_arrive(subscriber: SubscriberTab) -> None:
    held = hold(subscriber.page, LATE_SCRIPTS)
    subscriber.page.goto(f"{subscriber.url}/", wait_until="commit")
    wait_for(lambda: runs_htmx(subscriber.page) and len(held) == 2, "htmx runs before the others")

    for script in held:
        script.continue_()

    subscriber.expect_live()


def test_a_page_that_becomes_live_or_ends_keeps_the_focus_on_its_sign(
    shop: ShopTab, shop_api: httpx.Client, watch: Watch
) -> None:
    watch.expect("status of 404|htmx:sse:error|SSE reconnect failed")
    delivery_id = buy(shop_api)
    page = shop.page
    stream = f"{shop.url}/deliveries/{delivery_id}/live"
    held = hold(page, stream)
    shop.open(f"/deliveries/{delivery_id}")
    page.get_by_role("link", name="Reload to update").focus()

    next_held(page, held).continue_()

    pause = page.get_by_role("button", name="Live: pause updates")
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Paused: resume updates").press("Enter")
    deleted = stream.replace(delivery_id, "dlv_deleted")
    next_held(page, held).continue_(url=deleted)
    expect(page.get_by_text("Deleted", exact=True)).to_be_focused()


def hold(page: Page, url: str | re.Pattern[str]) -> list[Route]:
    """Hold each request to this URL; return the list in which the held ones appear."""
    held: list[Route] = []

    def keep(request: Route) -> None:
        held.append(request)

    page.route(url, keep)
    return held


def next_held(page: Page, held: list[Route]) -> Route:
    """Return the held request, once it has come. Only a call to the page lets Playwright hear."""
    wait_for(lambda: bool(page.title() and held), "the page sends a request")
    return held.pop()


def runs_htmx(page: Page) -> bool:
    return bool(page.evaluate("typeof htmx === 'object'"))


def test_typed_text_and_the_caret_survive_an_update_of_the_log(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.open_live("/deliveries")
    field = shop.page.get_by_label("ID or part of the URL")
    field.fill("half a thought")
    field.press("Home")

    delivery_id = buy(shop_api)

    expect(shop.row(delivery_id)).to_contain_text("succeeded")
    expect(field).to_be_focused()
    field.press_sequentially("not ")
    expect(field).to_have_value("not half a thought")
    shop.expect_not_reloaded()


def test_opened_and_closed_details_stay_when_an_attempt_arrives(
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
    expect(shop.attempts()).not_to_have_count(count)
    expect(first).to_be_visible()
    expect(second).to_be_hidden()
    shop.expect_not_reloaded()


def toggle(shop: ShopTab, attempt: int) -> None:
    shop.page.get_by_role("heading", name=f"Attempt {attempt}", exact=True).click()


def test_a_page_that_the_reader_paused_stands_still_until_it_is_resumed(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.open_live("/deliveries")
    before = shop.page.get_by_role("row").count()
    shop.page.get_by_role("button", name="Live: pause updates").press("Enter")
    sign = shop.page.get_by_role("button", name="Paused: resume updates")
    expect(sign).to_be_focused()

    meanwhile = buy(shop_api)
    wait_until(shop_api, meanwhile, "succeeded")
    log = ShopTab(shop.page.context.new_page(), shop.url)
    log.open_live("/deliveries")
    expect(log.row(meanwhile)).to_contain_text("succeeded")

    assert shop.page.get_by_role("row").count() == before
    expect(sign).to_be_visible()
    sign.press("Space")
    shop.expect_live()
    expect(shop.row(meanwhile)).to_contain_text("succeeded")
    shop.expect_not_reloaded()


def test_fast_pausing_and_resuming_leaves_one_stream(shop: ShopTab, shop_api: httpx.Client) -> None:
    shop.open_live("/deliveries")
    sign = shop.page.locator(".live__button")

    for _ in range(5):
        sign.click()

    expect(sign).to_have_text(re.compile("Paused"))
    sign.click()
    shop.expect_live()
    new = buy(shop_api)
    expect(shop.row(new)).to_contain_text("succeeded")


def test_the_live_sign_is_silent_while_the_stream_works(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.open_live("/deliveries")

    new = buy(shop_api)

    expect(shop.row(new)).to_contain_text("succeeded")
    expect(shop.page.locator(".live__news")).to_be_empty()


def test_the_page_of_what_was_deleted_says_so_and_stops_asking(
    shop: ShopTab, shop_api: httpx.Client, watch: Watch
) -> None:
    watch.expect("status of 404|htmx:sse:error|SSE reconnect failed")
    pruned = f"{shop.url}/deliveries/dlv_pruned/live"
    shop.page.route("**/live", lambda stream: stream.continue_(url=pruned))
    asked: list[int] = []
    shop.page.on(
        "response", lambda it: asked.append(it.status) if it.url.endswith("/live") else None
    )

    shop.open(f"/deliveries/{buy(shop_api)}")

    expect(shop.page.get_by_text("Deleted", exact=True)).to_be_visible()
    expect(shop.page.get_by_text("Live", exact=True)).to_be_hidden()
    Tab(shop.page.context.new_page(), shop.url).open_live("/deliveries")  # time to ask again
    assert asked == [404]


def test_a_page_closes_its_stream_before_it_is_left_and_opens_it_again_if_it_stays(
    subscriber: SubscriberTab,
) -> None:
    subscriber.open_live("/purchases")

    with subscriber.page.expect_request("**/purchases/live"):
        subscriber.page.evaluate("dispatchEvent(new Event('beforeunload'))")

    subscriber.expect_live()
    subscriber.expect_not_reloaded()
