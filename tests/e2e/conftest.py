"""A shop and a subscriber for each test, and two browser tabs whose errors fail the test.

The fixtures ``browser``, ``context`` and ``page`` are those of pytest-playwright, so its options
work, such as ``--headed``, ``--slowmo`` and ``--tracing retain-on-failure``.
"""

import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from hookshop.testing.server import DemoProcess, HookshopServer, last_lines
from tests.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.demo import settings_for_tests
from tests.e2e.pair import Pair, Running, new_pair
from tests.e2e.tabs import ShopTab, SubscriberTab
from tests.e2e.watch import Watch
from tests.postgres import copy_of
from tests.programs import client
from tests.waiting import wait_for

NewContext = Callable[..., BrowserContext]

expect.set_options(timeout=30_000)  # Playwright's 5 s are too short on a busy machine


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest, shop_template: str | None) -> Iterator[HookshopServer]:
    """One demo for all tests and workers; each test has a pair of sandboxes in it."""
    if not shop_template:
        yield request.getfixturevalue("hookshop_server")
        return
    with copy_of(shop_template) as url:
        demo = DemoProcess(environment=settings_for_tests() | {"SHOP_DATABASE_URL": url})
        yield demo.get()
        demo.stop()


@pytest.fixture
def pair(demo: Running) -> Iterator[Pair]:
    """A shop and its subscriber for this test alone, without any data."""
    with new_pair(demo) as pair:
        yield pair


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the demo's output to the report of a failed test."""
    report = yield
    demo = getattr(item, "funcargs", {}).get("demo")
    # A demo of a single test file has ended before its last report.
    if report.failed and demo and Path(demo.log).exists():
        report.sections.append(("The demo", last_lines(demo.log)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Wait only now until money is counted: meanwhile, the browser has opened its tabs."""
    if pair := getattr(item, "funcargs", {}).get("pair"):
        wait_for(lambda: time.time() >= pair.counts_from, "the subscriber counts money")


@pytest.fixture
def shop_url(pair: Pair) -> str:
    """Where the shop of this test begins."""
    return pair.shop_url


@pytest.fixture
def subscriber_url(pair: Pair) -> str:
    """Where the subscriber of this test begins."""
    return pair.subscriber_url


@pytest.fixture
def shop_api(shop_url: str) -> Iterator[httpx.Client]:
    with client(shop_url) as shop:
        yield shop


@pytest.fixture
def subscriber_api(subscriber_url: str) -> Iterator[httpx.Client]:
    with client(subscriber_url) as subscriber:
        yield subscriber


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    browser = find_browser()
    assert browser, HOW_TO_GET_ONE
    return {**browser_type_launch_args, "executable_path": browser, "args": FLAGS}


@pytest.fixture
def watch(pair: Pair) -> Watch:
    return Watch({pair.shop_url, pair.subscriber_url, *pair.static})


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
