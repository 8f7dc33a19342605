"""A running demo, and two browser tabs whose errors fail the test.

The fixtures ``browser``, ``context`` and ``page`` are those of pytest-playwright, so its options
work, such as ``--headed``, ``--slowmo`` and ``--tracing retain-on-failure``.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.demo import Demo, running_demo
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.e2e.watch import Watch
from tests.postgres import copy_of
from tests.programs import client, set_fault
from tests.waiting import wait_for

SCHEDULE = "0,2,2,2,2,2"  # short enough to wait for, long enough to see
LAST_LINES = 100

NewContext = Callable[..., BrowserContext]

expect.set_options(timeout=10_000)  # Playwright's 5 s are too short on a busy machine


@pytest.fixture(scope="session")
def demo(shop_template: str | None) -> Iterator[Demo]:
    """One demo for all tests; ``clean_slate`` resets it before each."""
    with (
        copy_of(shop_template) if shop_template else nullcontext("") as url,
        running_demo(SHOP_RETRY_SCHEDULE=SCHEDULE, SHOP_DATABASE_URL=url) as demo,
    ):
        yield demo


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the demo's output to the report of a failed test."""
    report = yield
    demo = getattr(item, "funcargs", {}).get("demo")
    # A demo of a single test file has ended before its last report.
    if report.failed and demo and demo.log.exists():
        lines = demo.output().splitlines()[-LAST_LINES:]
        report.sections.append(("Last lines of the demo", "\n".join(lines)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Wait for the empty inbox only now: meanwhile, the browser has opened its tabs."""
    if emptying := getattr(item, "funcargs", {}).get("clean_slate"):
        emptying.result()


@pytest.fixture
def shop_url(demo: Demo) -> str:
    """Where the shop of this test begins."""
    return demo.shop_url


@pytest.fixture
def subscriber_url(demo: Demo) -> str:
    """Where the subscriber of this test begins."""
    return demo.subscriber_url


@pytest.fixture
def shop_api(shop_url: str) -> Iterator[httpx.Client]:
    with client(shop_url) as shop:
        yield shop


@pytest.fixture
def subscriber_api(subscriber_url: str) -> Iterator[httpx.Client]:
    with client(subscriber_url) as subscriber:
        yield subscriber


@pytest.fixture(autouse=True)
def clean_slate(
    demo: Demo, shop_api: httpx.Client, subscriber_api: httpx.Client
) -> Iterator[Future[object]]:
    """Reset: no fault, only the subscriber's endpoint, no open delivery, an empty inbox.

    Emptying the inbox takes up to a second, because it starts the counting of money at a whole one.
    """
    set_fault(subscriber_api, None)
    for endpoint in shop_api.get("/v1/webhooks").json()["data"]:
        if not endpoint["webhook_url"].startswith(demo.subscriber_url):
            shop_api.delete(f"/v1/webhooks/{endpoint['id']}").raise_for_status()
    wait_for(lambda: _is_at_rest(shop_api), "all deliveries come to an end")
    if not shop_api.get("/v1/webhooks").json()["data"]:
        _subscribe_again(demo, shop_api)
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(_empty_inbox, subscriber_api)


def _empty_inbox(subscriber: httpx.Client) -> None:
    subscriber.delete("/v1/receipts").raise_for_status()


def _is_at_rest(shop: httpx.Client) -> bool:
    deliveries = shop.get("/v1/stats").json()["deliveries"]
    return bool(deliveries["pending"] == deliveries["sending"] == 0)


def _subscribe_again(demo: Demo, shop: httpx.Client) -> None:
    """Restart the subscriber, which registers itself in the demo."""
    demo.kill("subscriber")
    wait_for(lambda: shop.get("/v1/webhooks").json()["data"], "the subscriber registers itself")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    browser = find_browser()
    assert browser, HOW_TO_GET_ONE
    return {**browser_type_launch_args, "executable_path": browser, "args": FLAGS}


@pytest.fixture
def watch(shop_url: str, subscriber_url: str) -> Watch:
    return Watch({shop_url, subscriber_url})


@pytest.fixture
def new_context(new_context: NewContext, watch: Watch) -> Iterator[NewContext]:
    """Override pytest-playwright's fixture, to watch all contexts and pages for errors."""
    contexts = []

    def watched_context(**options: Any) -> BrowserContext:
        context = new_context(**options)
        watch.over(context)
        contexts.append(context)
        return context

    yield watched_context
    for context in contexts:
        context.cookies()  # its response comes after all other requests of the browser
    assert watch.complaints == []


@pytest.fixture
def shop(context: BrowserContext, shop_url: str) -> ShopTab:
    """A tab for the shop. Both tabs share their cookies, as for a real reader."""
    return ShopTab(context.new_page(), shop_url)


@pytest.fixture
def subscriber(context: BrowserContext, subscriber_url: str) -> SubscriberTab:
    return SubscriberTab(context.new_page(), subscriber_url)
