"""Light, dark or system colors, normal or presenter size: set by a form, stored in a cookie."""

import pytest

from hookshop.webkit.cookies import open_cookies
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client
from tests.pages import Page, Visitor


def look(page: Page) -> str:
    """Return the attributes of <html>, which the style sheets use."""
    return page.answer.text.partition("<html")[2].partition(">")[0]


async def test_at_first_a_page_looks_as_the_system_does(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/")

    assert 'data-theme="system" data-scale="normal"' in look(page)
    assert '<meta name="color-scheme" content="light dark">' in page.answer.text


async def test_a_choice_applies_to_every_page_including_errors(subscriber: Client) -> None:
    visitor = Visitor(subscriber)

    await visitor.submit("/appearance", theme="dark", back="/")
    await visitor.submit("/appearance", scale="presenter", back="/")

    for address in ("/", "/purchases", "/nowhere"):
        page = await visitor.get(address)
        assert 'data-theme="dark" data-scale="presenter"' in look(page), address
        assert '<meta name="color-scheme" content="dark">' in page.answer.text


async def test_the_form_returns_to_its_page(subscriber: Client) -> None:
    visitor = Visitor(subscriber)
    page = await visitor.get("/", verdict="rejected", q="a b")

    [back] = page.values["back"]
    chosen = await visitor.submit("/appearance", theme="light", back=back)

    assert chosen.status == 303
    assert chosen.answer.headers["location"] == "/?verdict=rejected&q=a+b"


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/\\e", ""])
async def test_the_form_does_not_redirect_to_other_sites(back: str, subscriber: Client) -> None:
    chosen = await Visitor(subscriber).submit("/appearance", theme="dark", back=back)

    assert chosen.answer.headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", "dark", "dark.", '"><script>', "dark.huge", "x.y.z"])
async def test_a_cookie_that_is_not_ours_changes_nothing_it_should_not(
    cookie: str, subscriber: Client, settings: Settings
) -> None:
    subscriber.cookies.set(open_cookies(settings).shared_name("appearance"), cookie)

    page = await Visitor(subscriber).get("/")

    theme = "dark" if cookie.startswith("dark") else "system"
    assert f'data-theme="{theme}" data-scale="normal"' in look(page)
