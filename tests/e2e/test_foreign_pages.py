"""Web pages of somebody else, in a real browser, cannot use the applications.

The browser takes two names for this machine: one as after DNS rebinding, one for a foreign site.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserType, Page, Route

from tests.browser import FLAGS

REBOUND = "rebound.example"
FOREIGN = "http://evil.example/"
RULES = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
CALL = """
async ([method, path, body]) => {
  const headers = {"Content-Type": "application/json"};
  const answer = await fetch(path, {method, headers, body: JSON.stringify(body)});
  return [answer.status, await answer.text()];
}
"""
FORM = '<form method="post" action="{url}" enctype="{enctype}"><input name="a" value="b"></form>'
SUBMIT = "document.querySelector('form').submit()"


@pytest.fixture
def stranger(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> Iterator[Browser]:
    """A browser that resolves names as an attacker's DNS server says."""
    arguments = {**browser_type_launch_args, "args": [*FLAGS, RULES]}
    browser = browser_type.launch(**arguments)
    yield browser
    browser.close()


@pytest.fixture
def tab(stranger: Browser) -> Page:
    return stranger.new_page()


def rebound(url: str) -> str:
    """Return the URL with the name that the attacker rebound to this machine."""
    parts = urlsplit(url)
    return f"http://{REBOUND}:{parts.port}{parts.path}/"


def test_a_rebound_name_cannot_register_an_endpoint(
    tab: Page, shop_url: str, shop_api: httpx.Client
) -> None:
    before = shop_api.get("/v1/webhooks").json()["data"]
    opened = tab.goto(rebound(shop_url))
    registration = {"webhook_url": "http://127.0.0.1:9999/stolen"}

    status, text = tab.evaluate(CALL, ["POST", "v1/webhooks/register", registration])

    assert opened
    assert opened.status == status == 400
    assert "SHOP_ALLOWED_HOSTS" in text
    assert "secret" not in text
    assert shop_api.get("/v1/webhooks").json()["data"] == before


def test_a_rebound_name_cannot_switch_off_the_defenses(
    tab: Page, subscriber_url: str, subscriber_api: httpx.Client
) -> None:
    before = subscriber_api.get("/v1/defences").json()
    tab.goto(rebound(subscriber_url))

    status, text = tab.evaluate(CALL, ["PUT", "v1/defences", dict.fromkeys(before, False)])

    assert status == 400
    assert "SUBSCRIBER_ALLOWED_HOSTS" in text
    assert subscriber_api.get("/v1/defences").json() == before


@pytest.mark.parametrize("path", ["/v1/orders", "/cart/items", "/appearance"])
@pytest.mark.parametrize("enctype", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_foreign_page_cannot_submit_a_form(
    path: str, enctype: str, tab: Page, shop_url: str
) -> None:
    visit_foreign_page(tab, FORM.format(url=shop_url + path, enctype=enctype))

    with tab.expect_response(shop_url + path) as submitted:
        tab.evaluate(SUBMIT)

    assert submitted.value.status == 403
    assert "another site" in submitted.value.text()


def test_a_foreign_page_cannot_call_the_api(tab: Page, subscriber_url: str) -> None:
    url = f"{subscriber_url}/v1/receipts"
    visit_foreign_page(tab, f'<a href="{url}">Receipts</a>')

    with tab.expect_response(url) as called:
        tab.get_by_role("link").click()

    assert called.value.status == 403


def test_a_link_on_a_foreign_page_opens_ours(tab: Page, shop_url: str) -> None:
    visit_foreign_page(tab, f'<a href="{shop_url}/">A shop</a>')

    tab.get_by_role("link").click()

    tab.wait_for_url(f"{shop_url}/")
    assert "Teapot" in tab.inner_text("main")


def visit_foreign_page(tab: Page, body: str) -> None:
    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type="text/html")

    tab.route(FOREIGN, answer)
    tab.goto(FOREIGN)
