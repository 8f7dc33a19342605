"""Both applications behind a proxy that serves each under a path of one host.

``watch`` fails a test for each request outside of the two paths, and for each error of the browser.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Self
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import expect

from tests.demo import Demo, free_ports, running_demo
from tests.e2e.every_page import (
    SHOP,
    SHOP_ERRORS,
    SUBSCRIBER,
    SUBSCRIBER_ERRORS,
    set_the_scene,
    with_a_sandbox,
)
from tests.e2e.pair import Pair
from tests.e2e.tabs import ShopTab, SubscriberTab, Tab
from tests.e2e.watch import Watch
from tests.links import misplaced, requested_urls
from tests.pages import read_page
from tests.path_proxy import PathProxy, running_path_proxy
from tests.programs import Document, buy, client, set_fault, wait_until

SHOP_TOKEN = "the shop's own token"
SUBSCRIBER_TOKEN = "the subscriber's token"


@pytest.fixture(scope="module")
def proxy() -> Iterator[PathProxy]:
    port, shop, subscriber = free_ports(3)
    with running_path_proxy(port, {"/shop": shop, "/subscriber": subscriber}) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def demo(proxy: PathProxy) -> Iterator[Demo]:
    """A separate demo, whose URLs are those of the proxy."""
    with running_demo(
        SHOP_PORT=str(proxy.ports["/shop"]),
        SHOP_PUBLIC_URL=f"{proxy.url}/shop",
        SHOP_ADMIN_TOKEN=SHOP_TOKEN,
        SHOP_RETRY_SCHEDULE="0,60",
        SUBSCRIBER_PORT=str(proxy.ports["/subscriber"]),
        SUBSCRIBER_PUBLIC_URL=f"{proxy.url}/subscriber",
        SUBSCRIBER_ADMIN_TOKEN=SUBSCRIBER_TOKEN,
    ) as demo:
        yield demo


@pytest.fixture
def pair(demo: Demo) -> Pair:
    """The main pair of the separate demo."""
    return Pair.main(demo)


@pytest.fixture(autouse=True)
def nothing_is_astray(proxy: PathProxy) -> Iterator[None]:
    yield
    assert proxy.astray == []


@pytest.fixture
def shop_api(demo: Demo) -> Iterator[httpx.Client]:
    with client(demo.shop_url) as shop:
        shop.headers["Authorization"] = f"Bearer {SHOP_TOKEN}"
        yield shop


@pytest.fixture
def subscriber_api(demo: Demo) -> Iterator[httpx.Client]:
    with client(demo.subscriber_url) as subscriber:
        subscriber.headers["Authorization"] = f"Bearer {SUBSCRIBER_TOKEN}"
        yield subscriber


def test_a_reader_buys_retries_and_looks_into_both_applications(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client, demo: Demo
) -> None:
    shop.buy("Teapot", "Ada")
    expect(shop.page.get_by_text("1 subscriber notified")).to_be_visible()
    shop.follow("Deliveries")
    log_in(shop, SHOP_TOKEN)
    assert shop.page.url == f"{shop.url}/deliveries"
    shop.expect_live()

    set_fault(subscriber_api, 503)
    shop.row("succeeded").hover()  # a list that the reader points at holds still
    delivery_id = buy(shop_api)
    wait_until(shop_api, delivery_id, "pending", attempts=1)
    set_fault(subscriber_api, None)
    shop.follow("1 new, show")
    shop.row(delivery_id).get_by_role("button", name="Resend now").click()
    expect(shop.row(delivery_id)).to_contain_text("succeeded")

    shop.open(f"/deliveries/{delivery_id}")
    shop.page.get_by_role("link", name="The receiver’s record of this request").first.click()
    log_in(shop, SUBSCRIBER_TOKEN)
    assert shop.page.url.startswith(f"{demo.subscriber_url}/receipts/")
    expect(shop.page.get_by_text("accepted", exact=True).first).to_be_visible()
    shop.follow("Show trace")
    shop.follow("Delivery")
    expect(shop.state()).to_contain_text("succeeded")
    assert shop.page.url == f"{shop.url}/deliveries/{delivery_id}"


def test_a_sandbox_is_entered_by_its_token_and_opens_nothing_else(
    shop: ShopTab, shop_api: httpx.Client, subscriber_api: httpx.Client, demo: Demo
) -> None:
    own_shop = make(shop_api, {})
    # The same id, as the shop's list of sandboxes expects.
    theirs = {
        "id": own_shop["id"],
        "shop_url": own_shop["base_url"],
        "shop_token": own_shop["token"],
    }
    own_subscriber = make(subscriber_api, theirs)
    learner = ShopTab(shop.page, own_shop["base_url"])

    learner.open(f"/enter#{own_shop['token']}")
    expect(learner.page).to_have_url(f"{learner.url}/deliveries")
    learner.follow("Products")
    learner.buy("Teapot", "Ada")
    learner.follow("Deliveries")
    learner.expect_live()
    expect(learner.row("succeeded")).to_have_count(1)

    learner.page.goto(f"{own_subscriber['base_url']}/enter#{own_subscriber['token']}")
    expect(learner.page).to_have_url(f"{own_subscriber['base_url']}/")
    expect(learner.row("accepted")).to_have_count(1)

    learner.page.goto(f"{demo.shop_url}/deliveries")
    expect(learner.page.get_by_role("heading", name="Log in")).to_be_visible()


def make(application: httpx.Client, wanted: Document) -> Document:
    answer = application.post("/v1/sandboxes", json=wanted)
    assert answer.status_code == 201, answer.text
    made: Document = answer.json()
    return made


def test_live_pages_reconnect_and_a_logout_ends_those_of_one_application(
    shop: ShopTab, subscriber: SubscriberTab, demo: Demo, watch: Watch
) -> None:
    watch.expect("status of 401|htmx:sse:error|SSE reconnect failed")
    watch.expect("ERR_CONNECTION_|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY")
    shop.open("/endpoints")
    log_in(shop, SHOP_TOKEN)
    shop.expect_live()
    shop.page.locator("summary", has_text="Appearance").click()
    with shop.page.expect_response("**/shop/appearance"):
        shop.press("Dark")
    subscriber.open("/purchases")
    log_in(subscriber, SUBSCRIBER_TOKEN)
    subscriber.expect_live()
    expect(subscriber.page.locator("html")).to_have_attribute("data-theme", "dark")

    killed = demo.kill("shop")
    expect(shop.page.get_by_text("Reconnecting…")).to_be_visible()
    demo.wait_for("shop", other_than=killed)
    shop.expect_live()
    token = subscriber.page.locator("[name=_csrf_token]").first.input_value()
    subscriber.page.request.post(f"{subscriber.url}/logout", form={"_csrf_token": token})
    subscriber.page.get_by_role("link", name="Log in again").click()

    expect(subscriber.page).to_have_url(f"{subscriber.url}/login?next=%2Fpurchases")
    shop.page.reload()
    expect(shop.page.get_by_role("button", name="Log out")).to_be_visible()
    assert cookie_paths(shop) == {
        "hookshop_appearance": "/",
        "shop_csrf": "/shop",
        "shop_session": "/shop",
        "subscriber_csrf": "/subscriber",
    }


def test_programs_are_told_the_public_urls(
    demo: Demo, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    endpoints = shop_api.get("/v1/webhooks").json()["data"]
    listed = next(each for each in endpoints if each["webhook_url"].startswith(demo.subscriber_url))
    delivery = wait_until(shop_api, buy(shop_api), "succeeded")
    own = {"webhook_url": f"{demo.shop_url}/v1/orders"}
    refused = shop_api.post("/v1/webhooks/register", json=own)

    assert shop_api.get(f"/v1/webhooks/{listed['id']}").json()["issuer"] == demo.shop_url
    assert subscriber_api.get(f"/v1/receipts?q={delivery['message_id']}").is_success
    assert refused.status_code == 422
    assert "own address" in refused.json()["detail"]


def test_every_address_on_every_page_leads_somewhere_below_the_paths(
    demo: Demo, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> None:
    scene = set_the_scene(shop_api, subscriber_api)
    scene = with_a_sandbox(scene, shop_api, subscriber_api)
    with (
        Reader(demo.shop_url, SHOP_TOKEN) as shop,
        Reader(demo.subscriber_url, SUBSCRIBER_TOKEN) as subscriber,
    ):
        scene = replace(scene, attack=subscriber.attack(scene.receipt))
        shop.read(scene.addresses(SHOP))
        subscriber.read(scene.addresses(SUBSCRIBER))
        found = shop.linked | subscriber.linked
        shop.read(SHOP_ERRORS)
        subscriber.read(SUBSCRIBER_ERRORS)
        dead = [
            url
            for url in sorted(found)
            if (shop if url.startswith(f"{shop.url}/") else subscriber).status(url) == 404
        ]

    assert misplaced(shop.linked | subscriber.linked, [demo.shop_url, demo.subscriber_url]) == []
    assert len(found) > 100
    assert dead == []


class Reader:
    """Reads the pages of one application without a browser. ``linked``: all URLs in them."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.linked: set[str] = set()
        self._http = client(url)
        fields = {"_csrf_token": self._token(), "admin_token": token}
        assert self._http.post("/login", data=fields).has_redirect_location

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def read(self, paths: Iterable[str]) -> None:
        """Read these pages."""
        for path in paths:
            answer = self._http.get(path, headers={"Accept": "text/html"})
            self.linked |= requested_urls(answer.text, str(answer.url))

    def status(self, url: str) -> int:
        """Return the status of a GET request, without the body: it may be a stream."""
        with self._http.stream("GET", url) as answer:
            return answer.status_code

    def attack(self, receipt_id: str) -> str:
        """Send the first attack on a page of a receipt, and return its id."""
        page = read_page(self._http.get(f"/receipts/{receipt_id}"))
        first = next(each for each in page.forms if "/attacks/" in each)
        fields = {"_csrf_token": page.values["_csrf_token"][0]}
        sent = self._http.post(urljoin(self.url, first), data=fields)
        return sent.headers["location"].rpartition("/")[2]

    def _token(self) -> str:
        return read_page(self._http.get("/login")).values["_csrf_token"][0]


def log_in(tab: Tab, token: str) -> None:
    tab.page.get_by_label("Admin token").fill(token)
    tab.press("Log in")
    expect(tab.page.get_by_role("button", name="Log out")).to_be_visible()


def cookie_paths(tab: Tab) -> dict[str, str]:
    """Return the path of each cookie, by its name without the digest."""
    cookies = tab.page.context.cookies()
    return {each["name"].rpartition("_")[0]: each["path"] for each in cookies}
