"""Phrases in which pages once spoke a language of their own: none of them comes back.

Each has a plain replacement: "Endpoints that want to know are told at once" is "Subscribers are
notified immediately". Comments and docstrings are searched, too: people read them.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRIVATE_LANGUAGE = (
    "wants? to know",
    "are told at once",
    "from waiting to told",
    "[Ss]end again all",
    "did not arrive",
    "The endpoint has it",
    "Among each other",
    "[0-9}] late\\b",
    "not told yet",
    "(is|was) to be told",
    "nobody was told",
    "again and again; next",
    "uses up all tries",
    "keeps all of it",
    "travels slowly",
    "as (they|it) should be",
    "one word an answer",
    "is no word of a script",
    "Judged within",
    "(}}|[a-z]) over ([$]|{{)",
    "Bought [^.]{0,80} at {{",
    "Not what our secret makes",
    "signatures given",
    "Without it nothing",
    "Leave it as it is",
    "To the inbox",
    "whole story",
    "request that was not read",
    "For the order; it is not sent",
    "Whatever one round",
    "let no other one in",
    "each is first the next one",
    "function that tells the items",
    "its row from due to claimed",
    "of a thousand attempts",
    "does not read an answer",
    "until they are found out",
    "Who waits for whom",
    "dead letters?",
)
# The glossary explains this term, which the field uses and Hookshop does not.
EXPLAINED = {("hookshop/webkit/glossary.py", "dead letter")}


def sources() -> list[Path]:
    """Return everything from which pages are made."""
    folders = {"templates": "*.html", "static/js": "*.js"}
    folders |= dict.fromkeys(("shop", "subscriber_app", "hookshop"), "*.py")
    return [path for name, kind in folders.items() for path in (ROOT / name).rglob(kind)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_said_in_a_private_language(path: Path) -> None:
    text = " ".join(path.read_text().split())

    found = {match[0] for phrase in PRIVATE_LANGUAGE for match in re.finditer(phrase, text)}

    name = str(path.relative_to(ROOT))
    assert {phrase for phrase in found if (name, phrase) not in EXPLAINED} == set()
