"""Takes the README's two pictures: ``make screenshots``. Runs a demo of its own for them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.demo import Demo, running_demo
from tests.programs import buy, client, set_fault, wait_until

FOLDER = Path(__file__).parents[2] / "static" / "screenshots"
WIDTH = 1280
# The newest order waits that long for its second try, which leaves time for both pictures.
SCHEDULE = "0,30"
ORDERS = (
    ("fishing-rod", 1, "Ada Lovelace"),
    ("mug", 4, "Grace Hopper"),
    ("pigeon", 1, "Alan Turing"),
    ("teapot", 2, "Barbara Liskov"),
    ("clock", 1, "Edsger Dijkstra"),
)


def main() -> None:
    """Put shop.png and subscriber.png into static/screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with running_demo(SHOP_RETRY_SCHEDULE=SCHEDULE) as demo, new_page() as page:
        set_the_scene(demo)
        take(page, f"{demo.shop_url}/deliveries", "shop.png")
        take(page, f"{demo.subscriber_url}/", "subscriber.png")


@contextmanager
def new_page() -> Iterator[Page]:
    browser_path = find_browser()
    assert browser_path, HOW_TO_GET_ONE
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        yield browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
        browser.close()


def set_the_scene(demo: Demo) -> None:
    """Orders that were delivered, one sent twice, a forgery, and one that waits for its retry."""
    with client(demo.shop_url) as shop, client(demo.subscriber_url) as subscriber:
        delivered = [deliver(shop, *order) for order in ORDERS]
        shop.post(f"/v1/deliveries/{delivered[1]}/attempts", json={}).raise_for_status()
        wait_until(shop, delivered[1], "succeeded", attempts=2)
        forge(subscriber)
        set_fault(subscriber, 500)
        waiting = buy(shop, "lantern", 1, "Margaret Hamilton")
        wait_until(shop, waiting, "pending", attempts=1)
        set_fault(subscriber, None)


def deliver(shop: httpx.Client, product_id: str, quantity: int, name: str) -> str:
    delivery_id = buy(shop, product_id, quantity, name)
    wait_until(shop, delivery_id, "succeeded")
    return delivery_id


def forge(subscriber: httpx.Client) -> None:
    """What the README's tour sends: an order of a million by somebody without the secret."""
    event = {"id": "1", "type": "purchase.created", "value": 1_000_000}
    headers = {
        "content-type": "application/json",
        "webhook-id": "msg_forged",
        "webhook-timestamp": str(int(time.time())),
        "webhook-signature": "v1,Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2VkIGZvcmc=",
    }
    body = json.dumps({"event": event}).encode()
    answer = subscriber.post("/v1/new-purchase", content=body, headers=headers)
    assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text


def take(page: Page, address: str, name: str) -> None:
    """The whole page down to the end of its content, without the footer."""
    page.goto(address)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    main = page.get_by_role("main").bounding_box()
    assert main
    height = main["y"] + main["height"]
    page.screenshot(
        path=FOLDER / name,
        full_page=True,
        clip={"x": 0, "y": 0, "width": WIDTH, "height": height},
    )


if __name__ == "__main__":
    main()
