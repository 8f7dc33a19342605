"""The glossary, and the macros that show it."""

import re
from pathlib import Path

import pytest

from hookshop.webkit.glossary import GLOSSARY
from hookshop.webkit.pages import jinja_environment

TEMPLATES = Path(__file__).parents[3] / "templates"
# Frames, errors, and pages whose frame or first paragraph says it.
SELF_EXPLANATORY = {
    "shared/api_reference.html",
    "shared/base.html",
    "shared/error.html",
    "shared/refused_form.html",
    "shared/unknown_host.html",
    "shop/layout.html",
    "shop/login.html",
    "shop/storefront/products.html",
    "subscriber/layout.html",
    "subscriber/learn/document.html",
    "subscriber/learn/handout.html",
    "subscriber/learn/learn.html",
    "subscriber/login.html",
}
IMPORT = '{% import "shared/glossary_macros.html" as help %}'


def render(template: str) -> str:
    environment = jinja_environment("shop", error_page_links=[])
    return environment.from_string(IMPORT + template).render()


@pytest.mark.parametrize("name", GLOSSARY)
def test_every_term_is_explained_in_one_or_two_short_sentences(name: str) -> None:
    sentences = re.split(r"(?<=[.”]) ", GLOSSARY[name])

    assert 1 <= len(sentences) <= 2
    assert all(each[0].isupper() and each[-1] in ".”" for each in sentences)
    assert len(GLOSSARY[name]) <= 200


def test_the_glossary_is_in_alphabetical_order() -> None:
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)


def test_a_term_carries_its_explanation_and_can_have_the_focus() -> None:
    shown = render('{{ help.term("circuit breaker", "breakers") }}')

    assert ">breakers</dfn>" in shown
    assert 'tabindex="0"' in shown
    assert f'aria-description="{GLOSSARY["circuit breaker"]}"' in shown


def test_an_unknown_term_is_an_error() -> None:
    with pytest.raises(Exception, match="quantum webhook"):
        render('{{ help.term("quantum webhook") }}')


def test_a_page_says_what_one_is_looking_at() -> None:
    shown = render("{% call help.about() %}These are the receipts.{% endcall %}")

    assert "<summary>What am I looking at?</summary>" in shown
    assert "These are the receipts." in shown


def test_every_page_says_what_one_is_looking_at() -> None:
    pages = {
        str(path.relative_to(TEMPLATES)): path.read_text()
        for path in TEMPLATES.rglob("*.html")
        if not path.name.startswith("_") and not path.name.endswith("macros.html")
    }

    silent = {name for name, source in pages.items() if "{% call help.about() %}" not in source}

    assert silent == SELF_EXPLANATORY
