"""Light, dark or system colors, normal or presenter size: set by a form, stored in a cookie."""

import pytest

from hookshop.webkit.cookies import open_cookies
from shop.config import Settings
from tests.integration.shop.browsing import Shop, register
from tests.pages import Page, Visitor

pytestmark = pytest.mark.one_database("is kept in cookies")


def look(page: Page) -> str:
    """Return the attributes of <html>, which the style sheets use."""
    return page.answer.text.partition("<html")[2].partition(">")[0]


async def test_at_first_a_page_looks_as_the_system_does(shop: Shop) -> None:
    page = await Visitor(shop).get("/")

    assert 'data-theme="system" data-scale="normal"' in look(page)
    assert '<meta name="color-scheme" content="light dark">' in page.answer.text


async def test_a_choice_applies_to_every_page_including_errors(shop: Shop) -> None:
    visitor = Visitor(shop)

    await visitor.submit("/appearance", theme="dark", back="/")
    await visitor.submit("/appearance", scale="presenter", back="/")

    for address in ("/", "/deliveries", "/nowhere"):
        page = await visitor.get(address)
        assert 'data-theme="dark" data-scale="presenter"' in look(page), address
        assert '<meta name="color-scheme" content="dark">' in page.answer.text


async def test_the_form_returns_to_its_page(shop: Shop) -> None:
    visitor = Visitor(shop)
    page = await visitor.get("/deliveries", state="failed", q="a b")

    [back] = page.values["back"]
    chosen = await visitor.submit("/appearance", theme="light", back=back)

    assert chosen.status == 303
    assert chosen.answer.headers["location"] == "/deliveries?state=failed&q=a+b"


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/\\e", ""])
async def test_the_form_does_not_redirect_to_other_sites(back: str, shop: Shop) -> None:
    chosen = await Visitor(shop).submit("/appearance", theme="dark", back=back)

    assert chosen.answer.headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", "dark", "dark.", '"><script>', "dark.huge", "x.y.z"])
async def test_a_cookie_that_is_not_ours_changes_nothing_it_should_not(
    cookie: str, shop: Shop, settings: Settings
) -> None:
    shop.cookies.set(open_cookies(settings).shared_name("appearance"), cookie)

    page = await Visitor(shop).get("/")

    theme = "dark" if cookie.startswith("dark") else "system"
    assert f'data-theme="{theme}" data-scale="normal"' in look(page)


async def test_an_unknown_choice_changes_nothing(shop: Shop) -> None:
    visitor = Visitor(shop)
    await visitor.submit("/appearance", theme="dark")

    await visitor.submit("/appearance", theme="purple", scale="enormous")

    assert 'data-theme="dark" data-scale="normal"' in look(await visitor.get("/"))


async def test_the_answer_to_a_form_is_not_left_for_another_look(shop: Shop) -> None:
    """It may show a secret, which is shown only once."""
    endpoint = await Visitor(shop).submit(
        "/endpoints", webhook_url="http://127.0.0.1:9001/hook", event_types="purchase.created"
    )

    assert "whsec_" in endpoint.text
    assert "/appearance" not in endpoint.forms
    assert "/appearance" in (await Visitor(shop).get("/endpoints")).forms


async def test_a_page_without_a_token_for_forms_offers_no_form(shop: Shop) -> None:
    await register(shop)

    assert "/appearance" not in (await Visitor(shop).get("/nowhere")).forms
    assert "/appearance" in (await Visitor(shop).get("/endpoints/nope")).forms
