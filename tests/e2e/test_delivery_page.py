"""The page of one delivery: its timeline, its attempts in detail, and its links."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import NewContext
from tests.e2e.tabs import ShopTab
from tests.programs import Document, buy, inject_fault, set_fault, wait_until
from tests.receiver import Receiver, running_receiver

IS_TOO_WIDE = "document.scrollingElement.scrollWidth > window.innerWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => (each.open = true))"


def timeline(shop: ShopTab) -> Locator:
    return shop.page.get_by_role("region", name="Planned and actual")


def step(shop: ShopTab, number: int) -> Locator:
    """Return one attempt on the timeline."""
    return timeline(shop).locator(f"#step-{number}")


def opened(shop: ShopTab, attempt: int) -> Locator:
    return shop.page.get_by_role("region", name=f"Request of attempt {attempt}")


def test_the_timeline_distinguishes_schedule_and_retry_after_live(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    inject_fault(subscriber_api, "status", status=429, retry_after=5)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)

    shop.open_delivery(delivery_id)

    expect(step(shop, 1)).to_contain_text("429 Too Many Requests")
    expect(step(shop, 2)).to_contain_text("is next")
    expect(step(shop, 2)).to_contain_text(re.compile(r"in \d s|due now"))
    expect(step(shop, 2)).to_contain_text("waits 5 s")
    expect(step(shop, 2)).to_contain_text(re.compile(r"schedule 2 s\s+jitter [+−]"))
    expect(step(shop, 2)).to_contain_text("Retry-After 5 s, longer than the schedule")
    expect(step(shop, 3)).to_contain_text("if needed")

    set_fault(subscriber_api, None)

    expect(step(shop, 2)).to_contain_text("200 OK")
    expect(step(shop, 2)).to_contain_text(re.compile(r"waited [5-9](\.\d)? s"))
    expect(step(shop, 3)).to_have_count(0)
    expect(timeline(shop)).to_contain_text("Succeeded after 2 attempts")
    shop.expect_not_reloaded()


def test_a_manual_attempt_is_on_the_timeline_and_links_to_its_details(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    shop.open_delivery(delivery_id)

    shop.press("Resend now")

    expect(step(shop, 2)).to_contain_text("resent by hand")
    timeline(shop).get_by_role("link", name="Attempt 2").click()
    expect(shop.page).to_have_url(re.compile("#attempt-2$"))
    expect(opened(shop, 2)).to_be_in_viewport()


def test_line_numbers_are_visible_but_not_part_of_the_text(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    attempts = wait_until(shop_api, delivery_id, "succeeded")["attempts"]
    shop.open_delivery(delivery_id)

    body = opened(shop, 1).get_by_label("Body of the request, formatted")

    lines = (body.text_content() or "").split("\n")
    assert (lines[0], lines[-1], len(lines)) == ("{", "}", 9)
    number = "getComputedStyle(line, '::before').content"
    contents = body.locator(".line").evaluate_all(f"(lines) => lines.map((line) => {number})")
    assert contents == ["counter(line)"] * 9
    size = len(attempts[0]["request"]["body"].encode())
    expect(opened(shop, 1)).to_contain_text(f"Body {size} bytes")


def test_an_attempt_that_arrives_later_can_be_copied_as_a_command(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    shop.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.url)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    shop.open_delivery(delivery_id)
    shop_api.post(f"/v1/deliveries/{delivery_id}/attempts", json={}).raise_for_status()
    expect(shop.attempts()).to_have_text(["Attempt 2", "Attempt 1"])

    opened(shop, 2).get_by_text("As a curl command", exact=True).click()
    expect(opened(shop, 2)).to_contain_text("five minutes after the attempt")
    copy = opened(shop, 2).get_by_role("button", name="Copy attempt 2 as a curl command")
    copy.click()

    expect(opened(shop, 2).get_by_role("button", name="Copied")).to_be_visible()
    copied = shop.page.evaluate("navigator.clipboard.readText()")
    second = shop_api.get(f"/v1/deliveries/{delivery_id}").json()["attempts"][1]["request"]
    assert copied.startswith(
        f"curl --include --globoff --path-as-is --request POST {second['url']}"
    )
    assert f"webhook-signature: {second['headers']['webhook-signature']}" in copied
    assert f"--data-binary '{second['body']}'" in copied
    expect(copy).to_be_visible()  # again, after a moment


def test_focus_and_scroll_position_stay_when_an_attempt_arrives_above(
    shop: ShopTab, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    shop.page.set_viewport_size({"width": 1000, "height": 600})
    shop.open_delivery(delivery_id)
    raw = opened(shop, 1).get_by_text("Exactly as sent")
    raw.click()
    read = opened(shop, 1).get_by_label("Body of the request, exactly as sent")
    read.focus()
    read.scroll_into_view_if_needed()
    before = distance_from_top(read)

    shop_api.post(f"/v1/deliveries/{delivery_id}/attempts", json={}).raise_for_status()

    expect(shop.attempts()).to_have_text(["Attempt 2", "Attempt 1"])
    expect(shop.state()).to_contain_text("succeeded")
    expect(read).to_be_focused()
    expect(read).to_be_visible()
    assert abs(distance_from_top(read) - before) <= 2
    shop.expect_not_reloaded()


def distance_from_top(element: Locator) -> float:
    return float(element.evaluate("(element) => element.getBoundingClientRect().top"))


@pytest.fixture
def receiver(shop_api: httpx.Client) -> Iterator[Receiver]:
    """A second endpoint, whose responses link to its own record of each request."""
    with running_receiver() as receiver:
        record = receiver.url.replace("/hook", "/receipts/1")
        receiver.headers = {"Link": f'<{record}>; rel="describedby"'}
        shop_api.post("/v1/webhooks/register", json={"webhook_url": receiver.url})
        yield receiver


def test_order_message_deliveries_endpoint_and_record_link_to_each_other(
    shop: ShopTab, shop_api: httpx.Client, receiver: Receiver
) -> None:
    order = place(shop_api)
    deliveries = [wait_until(shop_api, id_, "succeeded") for id_ in order["delivery_ids"]]
    [own] = [each for each in deliveries if each["attempts"][0]["request"]["url"] == receiver.url]
    [other] = [each for each in deliveries if each is not own]

    shop.open(f"/orders/{order['id']}")
    shop.follow(own["message_id"])
    shop.page.locator(f"#row-{own['id']}").get_by_role("link", name="purchase.created").click()

    expect(shop.page.get_by_text(own["id"]).first).to_be_visible()
    record = shop.page.get_by_role("link", name="The receiver’s record of this request")
    expect(record).to_have_attribute("href", receiver.url.replace("/hook", "/receipts/1"))
    expect(record).to_have_attribute("rel", "noreferrer noopener")
    shop.page.get_by_role("region", name="The message").get_by_role("link").click()
    expect(shop.page).to_have_url(f"{shop.url}/deliveries/{other['id']}")
    shop.state().get_by_role("link", name=order["id"]).click()
    expect(shop.page).to_have_url(f"{shop.url}/orders/{order['id']}")


def place(shop_api: httpx.Client) -> Document:
    order = {"items": [{"product_id": "mug", "quantity": 1}]}
    document: Document = shop_api.post("/v1/orders", json=order).raise_for_status().json()
    return document


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_with_all_details_open_the_page_does_not_scroll_sideways(
    width: int,
    scheme: str,
    new_context: NewContext,
    shop_url: str,
    shop_api: httpx.Client,
    subscriber_api: httpx.Client,
) -> None:
    inject_fault(subscriber_api, "status", status=503, retry_after=3)
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    page = new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()

    page.goto(f"{shop_url}/deliveries/{delivery_id}")
    page.evaluate(OPEN_ALL)

    expect(page.get_by_label("Attempt 1 as a curl command")).to_be_visible()
    assert not page.evaluate(IS_TOO_WIDE)
    set_fault(subscriber_api, None)


def test_without_scripts_everything_is_there_except_the_copy_button(
    new_context: NewContext, shop_url: str, shop_api: httpx.Client
) -> None:
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "succeeded")
    page: Page = new_context(java_script_enabled=False).new_page()

    page.goto(f"{shop_url}/deliveries/{delivery_id}")

    expect(page.get_by_role("region", name="Planned and actual")).to_contain_text("200 OK")
    page.get_by_text("As a curl command", exact=True).click()
    expect(page.get_by_label("Attempt 1 as a curl command")).to_contain_text("curl --include")
    expect(page.locator("[data-copy]")).to_be_hidden()
