"""The start page: terms of the glossary explain themselves in every way of asking."""

import re

import pytest
from playwright.sync_api import Page, expect

from hookshop.webkit.glossary import GLOSSARY
from subscriber_app.web.teaching import HANDOUT_TITLES
from tests.e2e.conftest import NewContext


def test_a_term_explains_itself_on_hover_focus_and_tap(
    new_context: NewContext, subscriber_url: str
) -> None:
    page = new_context(has_touch=True).new_page()
    page.goto(f"{subscriber_url}/learn")
    term = page.get_by_role("term").filter(has_text="polling").first
    shown = page.locator(".tip", has_text=GLOSSARY["polling"])

    term.hover()
    expect(shown).to_be_visible()
    page.mouse.move(0, 0)
    expect(shown).to_be_hidden()

    focus_by_keyboard(page, "polling")
    expect(shown).to_be_visible()
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    page.keyboard.press("Tab")

    term.tap()
    expect(shown).to_be_visible()


def test_a_term_explains_itself_without_javascript(
    new_context: NewContext, subscriber_url: str
) -> None:
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{subscriber_url}/learn")

    page.get_by_role("term").filter(has_text="polling").first.hover()

    shown = 'getComputedStyle(document.querySelector(".term:hover"), "::after").position'
    assert page.evaluate(shown) == "fixed"


@pytest.mark.parametrize("name", HANDOUT_TITLES)
def test_a_handout_is_one_page_on_paper(page: Page, subscriber_url: str, name: str) -> None:
    page.goto(f"{subscriber_url}/learn")
    page.get_by_role("link", name=HANDOUT_TITLES[name], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HANDOUT_TITLES[name])

    paper = page.pdf(format="A4")

    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1


def focus_by_keyboard(page: Page, text: str) -> None:
    """Press Tab until the term with this text has the focus."""
    while page.evaluate("document.activeElement.textContent") != text:
        page.keyboard.press("Tab")
