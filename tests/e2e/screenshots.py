"""Takes the screenshots of the README and docs/, light and dark: ``make screenshots``."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.demo import Demo, is_free, running_demo
from tests.e2e import moving_picture
from tests.programs import Document, buy, client, set_fault, wait_until

FOLDER = Path(__file__).parents[2] / "static" / "screenshots"
WIDTH, TALLEST = 1280, 1000
# The newest order's retry waits this long, which is enough time for all screenshots.
SCHEDULE = "0,90,180"
LONG_WAITS = "0,1800,7200,18000"
SECONDS_AFTER_THE_LAST_ORDER = 12  # the time shown on the screenshots
ORDERS = (
    ("fishing-rod", 1, "Ada Lovelace"),
    ("mug", 4, "Grace Hopper"),
    ("pigeon", 1, "Alan Turing"),
    ("teapot", 2, "Barbara Liskov"),
    ("clock", 1, "Edsger Dijkstra"),
)

Scheme = Literal["light", "dark"]


class Picture(NamedTuple):
    """The page on ``<name>.png`` and ``<name>-dark.png``. ``{message}``: the newest message."""

    name: str
    application: str
    path: str


PICTURES = [
    Picture("shop", "shop", "/deliveries"),
    Picture("subscriber", "subscriber", "/"),
    Picture("flow", "shop", "/flow"),
]


def main() -> None:
    """Write all pictures to static/screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with running_demo(SHOP_RETRY_SCHEDULE=SCHEDULE, **_usual_ports()) as demo:
        waiting = set_the_scene(demo)
        urls = {"shop": demo.shop_url, "subscriber": demo.subscriber_url}
        schemes: dict[Scheme, str] = {"light": "", "dark": "-dark"}
        for scheme, ending in schemes.items():
            with still_page(scheme, _moment_of(waiting)) as page:
                for picture in PICTURES:
                    path = picture.path.format(message=waiting["message_id"])
                    take(page, urls[picture.application] + path, f"{picture.name}{ending}.png")
    with running_demo(**_usual_ports()) as demo, new_page() as page:
        moving_picture.record(page, demo, FOLDER / "flow.webp")
    with running_demo(SHOP_RETRY_SCHEDULE=LONG_WAITS, **_usual_ports()) as demo, new_page() as page:
        moving_picture.record_skipping(page, demo, FOLDER / "skip.webp")


def _usual_ports() -> dict[str, str]:
    """Return the default ports, as in the docs, if they are free."""
    if not (is_free(8000) and is_free(8001)):
        return {}
    return {"SHOP_PORT": "8000", "SUBSCRIBER_PORT": "8001"}


def _moment_of(delivery: Document) -> datetime:
    made = datetime.fromisoformat(delivery["created_at"])
    return made + timedelta(seconds=SECONDS_AFTER_THE_LAST_ORDER)


@contextmanager
def still_page(scheme: Scheme, now: datetime) -> Iterator[Page]:
    """Open a page without animations whose clock stands at ``now``."""
    with new_page(color_scheme=scheme, reduced_motion="reduce") as page:
        page.clock.set_fixed_time(now)
        yield page


@contextmanager
def new_page(**options: Any) -> Iterator[Page]:
    browser_path = find_browser()
    assert browser_path, HOW_TO_GET_ONE
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        yield browser.new_page(viewport={"width": WIDTH, "height": 800}, **options)
        browser.close()


def set_the_scene(demo: Demo) -> Document:
    """Create delivered orders, one sent twice, a forgery, and an order that waits for its retry.

    Return the delivery of the last one.
    """
    with client(demo.shop_url) as shop, client(demo.subscriber_url) as subscriber:
        delivered = [deliver(shop, *order) for order in ORDERS]
        shop.post(f"/v1/deliveries/{delivered[1]}/attempts", json={}).raise_for_status()
        wait_until(shop, delivered[1], "succeeded", attempts=2)
        forge(subscriber)
        set_fault(subscriber, 500)
        waiting = buy(shop, "lantern", 1, "Margaret Hamilton")
        delivery = wait_until(shop, waiting, "pending", attempts=1)
        set_fault(subscriber, None)
        return delivery


def deliver(shop: httpx.Client, product_id: str, quantity: int, name: str) -> str:
    delivery_id = buy(shop, product_id, quantity, name)
    wait_until(shop, delivery_id, "succeeded")
    return delivery_id


def forge(subscriber: httpx.Client) -> None:
    """Send the forgery of the tour in docs/tour.md: an order for a million, without the secret."""
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
    """Take the page to the end of its content, without the footer, up to a maximum height."""
    page.goto(address)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    main = page.get_by_role("main").bounding_box()
    assert main
    height = min(main["y"] + main["height"], TALLEST)
    page.screenshot(
        path=FOLDER / name,
        full_page=True,
        clip={"x": 0, "y": 0, "width": WIDTH, "height": height},
    )


if __name__ == "__main__":
    main()
