"""With an admin token in both applications: customers can buy, everything else needs a login."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.demo import Demo, running_demo
from tests.e2e.pair import Pair
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.e2e.watch import Watch

SHOP_TOKEN = "the shop's own token"
SUBSCRIBER_TOKEN = "the subscriber's token"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A separate demo, instead of the shared one."""
    with running_demo(SHOP_ADMIN_TOKEN=SHOP_TOKEN, SUBSCRIBER_ADMIN_TOKEN=SUBSCRIBER_TOKEN) as demo:
        yield demo


@pytest.fixture
def pair(demo: Demo) -> Pair:
    """The main pair of the separate demo."""
    return Pair.main(demo)


def test_a_customer_buys_and_an_admin_logs_in_to_see_more(
    shop: ShopTab, subscriber: SubscriberTab, watch: Watch
) -> None:
    watch.expect("status of 422")  # the browser's message for a refused form
    shop.buy("Teapot", "Ada")
    expect(shop.page.get_by_text("1 subscriber notified")).to_be_visible()
    expect(shop.page.get_by_role("cell", name="succeeded")).to_have_count(0)
    expect(shop.page.get_by_role("button", name="Ship")).to_have_count(0)

    shop.follow("Deliveries")
    log_in(shop, "not the token")
    expect(shop.page.get_by_text("Wrong token")).to_be_visible()
    log_in(shop, SHOP_TOKEN)
    expect(shop.page.get_by_role("heading", name="Deliveries", level=1)).to_be_visible()
    expect(shop.page.get_by_role("row")).to_have_count(2)

    subscriber.open("/")
    log_in(subscriber, SUBSCRIBER_TOKEN)
    expect(subscriber.receipts("accepted")).to_have_count(1)
    subscriber.press("Log out")
    expect(subscriber.page.get_by_role("heading", name="Log in")).to_be_visible()
    subscriber.page.go_back()
    expect(subscriber.page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(subscriber.receipts("accepted")).to_have_count(0)


def test_a_live_page_whose_session_has_ended_says_so_and_stops_asking(
    subscriber: SubscriberTab, watch: Watch
) -> None:
    watch.expect("status of 401|htmx:sse:error|SSE reconnect failed")
    subscriber.open("/purchases")
    log_in(subscriber, SUBSCRIBER_TOKEN)
    subscriber.expect_live()
    asked: list[int] = []
    subscriber.page.on(
        "response", lambda it: asked.append(it.status) if "/live" in it.url else None
    )
    other = SubscriberTab(subscriber.page.context.new_page(), subscriber.url)
    other.open("/subscription")

    other.press("Log out")

    again = subscriber.page.get_by_role("link", name="Log in again")
    expect(again).to_be_visible()
    expect(subscriber.page.get_by_text("Live", exact=True)).to_be_hidden()
    log_in_through_link(other)  # meanwhile, the page could have asked several times
    assert asked == [401]
    again.click()
    expect(subscriber.page).to_have_url(f"{subscriber.url}/login?next=%2Fpurchases")


def log_in_through_link(tab: SubscriberTab) -> None:
    log_in(tab, SUBSCRIBER_TOKEN)
    tab.open_live("/purchases")


def log_in(tab: ShopTab | SubscriberTab, token: str) -> None:
    tab.page.get_by_label("Admin token").fill(token)
    tab.press("Log in")
