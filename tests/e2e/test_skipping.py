"""Skipping waits in the browser: each retry is really made, with and without JavaScript."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from hookshop.testing import HookshopServer
from tests.e2e.conftest import NewContext
from tests.e2e.pair import Pair, new_pair
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.programs import buy, inject_fault, set_fault, wait_until

SKIP = "Skip the wait"
# So long that nothing but skipping brings the next attempt.
SCHEDULE = "0,1800,7200,7200,36000"


@pytest.fixture
def pair(demo: HookshopServer) -> Iterator[Pair]:
    with new_pair(demo, retry_schedule=SCHEDULE) as pair:
        yield pair


def test_three_failures_and_three_skips_end_in_a_success(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    inject_fault(subscriber_api, "script", script="503 503 503")
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop.open_live(f"/deliveries/{delivery_id}")

    for failed in (1, 2, 3):
        wait_until(shop_api, delivery_id, "pending", attempts=failed)
        expect(shop.page.get_by_test_id("attempt")).to_have_count(failed)
        shop.press(SKIP)

    expect(shop.page.get_by_test_id("delivery-details")).to_contain_text("Delivered with attempt 4")
    expect(shop.page.get_by_role("button", name=SKIP)).to_have_count(0)
    expect(shop.page.get_by_test_id("attempt").first).to_contain_text("skipped")


@pytest.mark.parametrize(
    "page", ["/deliveries", "/deliveries/{delivery}", "/endpoints/{endpoint}", "/flow"]
)
def test_without_javascript_the_wait_is_skipped_and_the_page_comes_back(
    new_context: NewContext,
    shop_url: str,
    shop_api: httpx.Client,
    subscriber_api: httpx.Client,
    page: str,
) -> None:
    inject_fault(subscriber_api, "script", script="429:600")
    delivery_id = buy(shop_api)
    delivery = wait_until(shop_api, delivery_id, "pending", attempts=1)
    tab = ShopTab(new_context(java_script_enabled=False).new_page(), shop_url)
    address = page.format(delivery=delivery_id, endpoint=delivery["endpoint_id"])
    tab.open(address)

    tab.page.get_by_role("button", name=SKIP).first.click()

    wait_until(shop_api, delivery_id, "succeeded", attempts=2)
    assert tab.page.url.partition("#")[0] == f"{shop_url}{address}"


def test_a_double_click_skips_once(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 503)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    shop.open_live("/deliveries")

    shop.row(delivery_id).get_by_role("button", name=SKIP).dblclick()

    found = wait_until(shop_api, delivery_id, "pending", attempts=2)
    clock = shop_api.get("/v1/clock", params={"wait": 10}).json()
    assert clock["satisfied"]
    assert found["attempt_count"] == 2
    assert shop_api.get(f"/v1/deliveries/{delivery_id}").json()["attempt_count"] == 2


def test_every_page_says_what_an_advance_waits_for(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    inject_fault(subscriber_api, "slow", seconds=5)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "sending", attempts=0)
    shop.open_live("/flow")

    shop_api.post("/v1/clock/advance", json={"seconds": 60}).raise_for_status()

    notice = shop.page.get_by_test_id("skip-notice")
    expect(notice).to_contain_text("Skipping time up to 1 min.")
    expect(notice).to_contain_text(
        re.compile(
            r"The next step waits for 1 delivery in flight, until .*\d\d:\d\d.* at the latest\."
        )
    )
    expect(notice).to_have_count(0)
    wait_until(shop_api, delivery_id, "succeeded", attempts=1)


def test_the_trace_says_what_was_skipped(
    subscriber: SubscriberTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    inject_fault(subscriber_api, "script", script="503")
    delivery = wait_until(shop_api, buy(shop_api), "pending", attempts=1)
    shop_api.post("/v1/clock/advance", json={"to": "next_attempt"}).raise_for_status()
    wait_until(shop_api, delivery["id"], "succeeded", attempts=2)

    subscriber.open(f"/story?message_id={delivery['message_id']}")

    picture = subscriber.page.get_by_role("img", name="Timeline of the message")
    expect(picture.locator("visible=true")).to_contain_text(re.compile(r"skipped \d+ min"))


def test_the_page_of_the_subscription_skips_until_the_former_secret_expires(
    subscriber: SubscriberTab,
) -> None:
    subscriber.open_live("/subscription")
    subscriber.page.get_by_role("button", name="Rotate").click()
    skip = subscriber.page.get_by_role("button", name=SKIP)
    expect(skip).to_be_visible()

    skip.click()

    expect(skip).to_have_count(0)
    expect(subscriber.page.get_by_role("main")).not_to_contain_text("Previous secret")


def test_the_tip_of_skipping_leaves_the_button_below_within_reach(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    set_fault(subscriber_api, None)
    shop.open_live("/deliveries")
    row = shop.page.get_by_test_id("delivery")

    row.get_by_role("button", name=SKIP).hover()
    tip = shop.page.get_by_text("As if the time had passed").filter(visible=True)
    expect(tip).to_be_visible()
    row.get_by_role("button", name="Resend now").click()

    wait_until(shop_api, delivery_id, "succeeded")
