"""On a telephone, by day and by night, no page has to be pushed sideways."""

import json

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e.conftest import NewContext
from tests.e2e.watch import Watch
from tests.programs import Document, buy, set_fault, wait_until

TELEPHONE = {"width": 390, "height": 844}
LONG_NAME = "W" * 100
LONG_URL = "http://127.0.0.1:9009/" + "w" * 200
IS_TOO_WIDE = "document.scrollingElement.scrollWidth > window.innerWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_telephone(
    scheme: str, new_context: NewContext, demo: Demo, addresses: list[str], watch: Watch
) -> None:
    watch.expect(r"status of 404")
    page = new_context(viewport=TELEPHONE, color_scheme=scheme).new_page()
    fill_the_cart(page, demo)

    too_wide = [address for address in addresses if is_too_wide(page, address)]

    assert too_wide == []


def fill_the_cart(page: Page, demo: Demo) -> None:
    page.goto(demo.shop_url)
    page.get_by_role("button", name="Add Carrier Pigeon to cart").click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()


def is_too_wide(page: Page, address: str) -> bool:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return bool(page.evaluate(IS_TOO_WIDE))


@pytest.fixture
def addresses(demo: Demo, shop_api: httpx.Client, subscriber_api: httpx.Client) -> list[str]:
    """Every kind of page, with the longest words on it that it may have to show."""
    endpoint = register(shop_api)
    delivery = fail_and_deliver(shop_api, subscriber_api)
    order_id = json.loads(delivery["attempts"][0]["request"]["body"])["event"]["order_id"]
    subscriber_api.post("/v1/new-purchase", content=b"\x00" * 300, headers={"webhook-id": "w" * 90})
    receipts = subscriber_api.get("/v1/receipts").json()["data"]
    return [
        *(
            f"{demo.shop_url}{path}"
            for path in shop_pages(order_id, delivery["id"], endpoint["id"])
        ),
        *(f"{demo.subscriber_url}{path}" for path in subscriber_pages(receipts)),
    ]


def register(shop_api: httpx.Client) -> Document:
    wanted = {
        "webhook_url": LONG_URL,
        "event_types": ["purchase.shipped"],
        "description": LONG_NAME,
    }
    registered = shop_api.post("/v1/webhooks/register", json=wanted)
    document: Document = registered.raise_for_status().json()
    return document


def fail_and_deliver(shop_api: httpx.Client, subscriber_api: httpx.Client) -> Document:
    """A delivery that failed once and then succeeded."""
    set_fault(subscriber_api, 500)
    delivery_id = buy(shop_api, "fishing-rod", 99, LONG_NAME)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    set_fault(subscriber_api, None)
    shop_api.post(f"/v1/deliveries/{delivery_id}/attempts", json={}).raise_for_status()
    return wait_until(shop_api, delivery_id, "succeeded")


def shop_pages(order_id: str, delivery_id: str, endpoint_id: str) -> list[str]:
    return [
        "/",
        "/cart",
        "/orders",
        f"/orders/{order_id}",
        "/deliveries",
        f"/deliveries/{delivery_id}",
        "/flow",
        "/overview",
        "/endpoints",
        f"/endpoints/{endpoint_id}",
        f"/endpoints/{endpoint_id}/delete",
        "/nowhere",
    ]


def subscriber_pages(receipts: list[Document]) -> list[str]:
    return [
        "/",
        "/?verdict=rejected",
        "/?event_type=purchase.created&q=nowhere",
        "/purchases",
        *(f"/receipts/{receipt['id']}" for receipt in receipts),
        *(f"/receipts/{receipt['id']}/editor" for receipt in receipts),
        "/defences",
        "/receipts/delete",
        "/subscription",
        "/subscription/delete",
    ]
