"""The start page: terms of the glossary explain themselves in every way of asking."""

from playwright.sync_api import Page, expect

from hookshop.webkit.glossary import GLOSSARY
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


def focus_by_keyboard(page: Page, text: str) -> None:
    """Press Tab until the term with this text has the focus."""
    while page.evaluate("document.activeElement.textContent") != text:
        page.keyboard.press("Tab")
