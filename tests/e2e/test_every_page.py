"""Every page of both applications, at three widths, in light and dark, in one visit.

No page scrolls sideways (even in presenter size), logs an error, requests another host or fails to
load something (``watch``), none is too large, and axe finds no accessibility violation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from hookshop.webkit.api_reference import REFERENCE_PATH
from shop.web.pages import page_handlers as shop_handlers
from subscriber_app.web.pages import page_handlers as subscriber_handlers
from tests.demo import Demo, running_demo
from tests.e2e.conftest import NewContext
from tests.e2e.every_page import (
    SHOP,
    SHOP_ERRORS,
    SUBSCRIBER,
    SUBSCRIBER_ERRORS,
    Scene,
    fill_the_logs,
    routes_of_pages,
    set_the_scene,
    with_a_sandbox,
    with_an_attack,
)
from tests.e2e.pair import Pair
from tests.e2e.watch import Watch
from tests.programs import client

SHOP_TOKEN = "the shop's own token"
SUBSCRIBER_TOKEN = "the subscriber's token"
METADATA = "http://169.254.169.254/latest/meta-data/"
TELEPHONE, LAPTOP, SCREEN = 390, 1280, 1920
MAX_PAGE_SIZE = 150_000  # bytes of a page and everything it loads, uncompressed
# Browsers report error statuses; on these pages they are expected.
REFUSALS = r"status of 4\d\d"
IS_TOO_WIDE = "document.scrollingElement.scrollWidth > window.innerWidth"
# The same in presenter size, which scales everything but the window.
IS_TOO_WIDE_FOR_A_TALK = """
() => {
  const { dataset } = document.documentElement;
  const before = dataset.scale;
  dataset.scale = "presenter";
  const { scrollWidth } = document.scrollingElement;
  dataset.scale = before;
  return scrollWidth > window.innerWidth;
}
"""
# Links whose text has no room.
SQUEEZED = """
[...document.querySelectorAll("main a")].filter(
  (link) => link.textContent.trim() && link.checkVisibility() && !link.closest("svg")
    && link.getBoundingClientRect().width < 8).map((link) => link.textContent.trim())
"""
# In a table that became cards, values that begin before the end of their label beside them.
COVERED = """
() => {
  const pen = document.createElement("canvas").getContext("2d");
  return [...document.querySelectorAll("td[data-label]")].filter((cell) => {
    const label = getComputedStyle(cell, "::before");
    if (label.position !== "absolute" || !cell.checkVisibility()) return false;
    pen.font = `${label.fontWeight} ${label.fontSize} ${label.fontFamily}`;
    const end = parseFloat(label.left) + pen.measureText(cell.dataset.label).width;
    return end > parseFloat(getComputedStyle(cell).paddingLeft);
  }).map((cell) => cell.dataset.label);
}
"""
# Targets that a finger misses. Links in sentences and in tables have room around them.
TOO_LOW = """
[".masthead a", ".page-head p.small a", ".mission-list a", "button", ".button", "summary"]
  .flatMap((each) => [...document.querySelectorAll(each)])
  .filter((each) => each.checkVisibility() && !each.closest(".visually-hidden"))
  .filter((each) => each.getBoundingClientRect().height < 23.9)
  .map((each) => each.textContent.trim())
"""
WEIGHT = """
["navigation", "resource"]
  .flatMap((type) => performance.getEntriesByType(type))
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)
"""
FORGET_TOKENS = """
for (const field of document.querySelectorAll("[name=_csrf_token]")) field.value = "an old one";
"""
RUN_AXE = """
(options) => axe.run({resultTypes: ["violations"], ...options}).then(
  ({violations}) => violations.flatMap(({id, nodes}) => nodes.map(
    (node) => `${id}: ${node.html} ${node.failureSummary}`)))
"""
# In dark, only colors differ. All other rules have been checked in light.
CONTRAST_ONLY = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A separate demo with an admin token, because the login is also a page."""
    with running_demo(SHOP_ADMIN_TOKEN=SHOP_TOKEN, SUBSCRIBER_ADMIN_TOKEN=SUBSCRIBER_TOKEN) as demo:
        yield demo


@pytest.fixture
def pair(demo: Demo) -> Pair:
    """The main pair of the separate demo."""
    return Pair.main(demo)


@pytest.fixture(scope="module")
def scene(demo: Demo, browser: Browser) -> Scene:
    with api(demo.shop_url, SHOP_TOKEN) as shop, api(demo.subscriber_url, SUBSCRIBER_TOKEN) as sub:
        fill_the_logs(shop)
        scene = with_a_sandbox(set_the_scene(shop, sub), shop, sub)
    page = browser.new_page()
    log_in(page, demo)
    scene = with_an_attack(scene, page, demo.subscriber_url)
    page.close()
    return scene


def api(url: str, token: str) -> httpx.Client:
    program = client(url)
    program.headers["Authorization"] = f"Bearer {token}"
    return program


def log_in(page: Page, demo: Demo) -> None:
    for url, token in ((demo.shop_url, SHOP_TOKEN), (demo.subscriber_url, SUBSCRIBER_TOKEN)):
        page.goto(f"{url}/login")
        page.get_by_label("Admin token").fill(token)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.fixture
def page(new_context: NewContext, demo: Demo) -> Page:
    page = new_context(reduced_motion="reduce").new_page()
    log_in(page, demo)
    page.goto(demo.shop_url)
    page.get_by_role("button", name="Add Carrier Pigeon to cart").click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()
    return page


@pytest.mark.parametrize(
    ("pages", "handlers"), [(SHOP, shop_handlers), (SUBSCRIBER, subscriber_handlers)]
)
def test_no_page_is_missing_here(pages: dict[str, list[str]], handlers: list[Any]) -> None:
    assert set(pages) == routes_of_pages(handlers) | {REFERENCE_PATH}


def test_every_page_is_accessible_and_free_of_errors(page: Page, demo: Demo, scene: Scene) -> None:
    addresses = [
        *(demo.shop_url + path for path in scene.addresses(SHOP)),
        *(demo.subscriber_url + path for path in scene.addresses(SUBSCRIBER)),
    ]

    faults = {address: faults_of(page, opened(address)) for address in addresses}

    assert {address: found for address, found in faults.items() if found} == {}


@pytest.mark.parametrize("application", ["shop", "subscriber"])
def test_after_a_login_the_header_is_one_line_and_begins_with_the_name(
    application: str, page: Page, demo: Demo
) -> None:
    page.goto(demo.shop_url if application == "shop" else f"{demo.subscriber_url}/purchases")
    name = page.locator(".brand")
    last = page.get_by_text("Appearance")

    page.set_viewport_size({"width": LAPTOP, "height": 800})
    assert abs(middle_of(name) - middle_of(last)) < 20  # pixels

    page.set_viewport_size({"width": TELEPHONE, "height": 800})
    box = name.bounding_box()
    assert box
    assert box["x"] < 20


def middle_of(part: Locator) -> float:
    """Return the distance of its middle from the top of the window, in pixels."""
    box = part.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


def test_every_error_is_a_page_with_the_usual_layout(page: Page, demo: Demo, watch: Watch) -> None:
    watch.expect(REFUSALS)
    addresses = [
        *(demo.shop_url + path for path in SHOP_ERRORS),
        *(demo.subscriber_url + path for path in SUBSCRIBER_ERRORS),
    ]

    faults = {address: faults_of(page, opened(address)) for address in addresses}

    assert {address: found for address, found in faults.items() if found} == {}


def test_every_response_to_a_form_is_accessible_and_free_of_errors(
    page: Page, demo: Demo, scene: Scene, watch: Watch
) -> None:
    watch.expect(REFUSALS)
    shop, sub = demo.shop_url, demo.subscriber_url
    hook = f"http://127.0.0.1:9010/{page.evaluate('Math.random()')}"
    forms: dict[str, Answered] = {
        "no name": Answered(f"{shop}/cart", "Place order"),
        "no address": Answered(f"{shop}/endpoints", "Register endpoint"),
        "a private address": Answered(
            f"{shop}/endpoints", "Register endpoint", {"Webhook URL": METADATA}
        ),
        "a new secret": Answered(f"{shop}/endpoints", "Register endpoint", {"Webhook URL": hook}),
        "another secret": Answered(
            f"{shop}/endpoints/{scene.paused_endpoint}/rotate-secret", "Rotate secret"
        ),
        "a wrong token": Answered(f"{shop}/login", "Log in", {"Admin token": "wrong"}),
        "an old form": Answered(f"{shop}/endpoints", "Register endpoint", stale=True),
        "a wrong status": Answered(sub, "Set fault", {"Status": "99"}, unfold="Set a fault"),
        "another wrong token": Answered(f"{sub}/login", "Log in", {"Admin token": "wrong"}),
        "another old form": Answered(sub, "Set fault", stale=True, unfold="Set a fault"),
        "what is right": Answered(f"{sub}/receipts/{scene.receipt}/editor", "Compute credentials"),
    }

    faults = {name: faults_of(page, form) for name, form in forms.items()}

    assert {name: found for name, found in faults.items() if found} == {}


@dataclass(frozen=True)
class Answered:
    """The response to a form. ``fields``: input by label. ``stale``: submit an outdated form.

    ``unfold``: the text to click before that.
    """

    address: str
    button: str
    fields: dict[str, str] = field(default_factory=dict)
    stale: bool = False
    unfold: str = ""

    def __call__(self, page: Page) -> None:
        page.goto(self.address)
        if self.unfold:
            page.get_by_text(self.unfold).click()
        for label, value in self.fields.items():
            page.get_by_label(label, exact=True).fill(value)
        if self.stale:
            page.evaluate(FORGET_TOKENS)
        with page.expect_navigation():
            page.get_by_role("button", name=self.button, exact=True).click()


def test_the_subscriber_says_that_the_shop_does_not_respond(page: Page, demo: Demo) -> None:
    shop = demo.wait_for("shop")
    shop.suspend()
    try:
        found = faults_of(page, opened(f"{demo.subscriber_url}/subscription"))
        expect(page.get_by_text("The shop does not respond")).to_be_visible()
    finally:
        shop.resume()

    assert found == []


def opened(address: str) -> Callable[[Page], object]:
    return lambda page: page.goto(address)


def faults_of(page: Page, get_there: Callable[[Page], object]) -> list[str]:
    """Return the faults of the page at this address, in light and dark."""
    page.set_viewport_size({"width": LAPTOP, "height": 800})
    get_there(page)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    found = []
    if (weight := page.evaluate(WEIGHT)) > MAX_PAGE_SIZE:
        found.append(f"weighs {weight} bytes")
    page.evaluate(Axe().axe_script)
    for width in (LAPTOP, SCREEN, TELEPHONE):
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"at {width}: {each}" for each in faults_of_layout(page)]
        if width != SCREEN:  # it has nothing that the laptop width does not have
            # Text is largest for its window at these widths.
            if page.evaluate(IS_TOO_WIDE_FOR_A_TALK):
                found.append(f"at {width}: has to be pushed sideways in presenter size")
            found += [f"at {width}: {each}" for each in violations(page)]
    return found


def faults_of_layout(page: Page) -> list[str]:
    too_wide = ["has to be pushed sideways"] if page.evaluate(IS_TOO_WIDE) else []
    if page.viewport_size and page.viewport_size["width"] == TELEPHONE:
        too_wide += [f"has a target below 24 pixels: {each}" for each in page.evaluate(TOO_LOW)]
    squeezed = [f"squeezes {each}" for each in page.evaluate(SQUEEZED)]
    return too_wide + squeezed + [f"covers {each}" for each in set(page.evaluate(COVERED))]


def violations(page: Page) -> list[str]:
    """Return what axe finds in light and dark. Its styles switch without loading it again."""
    found = [f"in light: {each}" for each in page.evaluate(RUN_AXE, {})]
    page.emulate_media(color_scheme="dark")
    found += [f"in dark: {each}" for each in page.evaluate(RUN_AXE, CONTRAST_ONLY)]
    page.emulate_media(color_scheme="light")
    return found
