"""The locators that docs/testing.md promises, held against every page of both applications."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from subscriber_app.receiving.defences import Defence
from tests.documents import ROOT
from tests.e2e.every_page import SHOP, SUBSCRIBER, Scene, pages_of_sandboxes, set_the_scene
from tests.e2e.pair import Pair, Running, new_pair
from tests.programs import client

TESTING = ROOT / "docs" / "testing.md"
# Sandboxes have no page about sandboxes, so it is read in main.
PAGES_OF_MAIN = ["/sandboxes"]


@dataclass(slots=True)
class Seen:
    """A page. ``links``: name and address of those in tables."""

    located: list[tuple[str, str, str]] = field(default_factory=list)  # data-testid, -id, -state
    links: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def pair(demo: Running) -> Iterator[Pair]:
    """One pair for all tests here, because they only read."""
    with new_pair(demo) as pair:
        yield pair


@pytest.fixture(scope="module")
def scene(pair: Pair) -> Scene:
    with client(pair.shop_url) as shop, client(pair.subscriber_url) as subscriber:
        return set_the_scene(shop, subscriber)


@pytest.fixture(scope="module")
def pages(pair: Pair, scene: Scene) -> dict[str, Seen]:
    """Every page, by its URL."""
    shop = [f"{pair.shop_url}{path}" for path in scene.addresses(pages_of_sandboxes(SHOP))]
    subscriber = [
        f"{pair.subscriber_url}{path}"
        for path in scene.addresses(pages_of_sandboxes(SUBSCRIBER))
        if "/attacks/" not in path  # an attack is made in a browser
    ]
    of_main = [
        re.sub(r"/s/.*", path, url) for url in (pair.shop_url, pair.subscriber_url)
        for path in PAGES_OF_MAIN
    ]  # fmt: skip
    return dict(read(address) for address in [*shop, *subscriber, *of_main])


def test_the_docs_name_exactly_the_locators_of_the_pages(pages: dict[str, Seen]) -> None:
    seen = {name for page in pages.values() for name, _id, _state in page.located}

    assert seen == set(documented())


def test_each_locator_has_the_id_and_one_of_the_states_that_the_docs_name(
    pages: dict[str, Seen],
) -> None:
    wrong = [
        (name, found_id, state)
        for page in pages.values()
        for name, found_id, state in page.located
        if bool(found_id) != documented()[name].has_id or state not in documented()[name].states
    ]

    assert wrong == []


def test_links_in_tables_with_the_same_name_lead_to_the_same_page(pages: dict[str, Seen]) -> None:
    ambiguous: dict[tuple[str, str], set[str]] = {}
    for url, page in pages.items():
        addresses: dict[str, set[str]] = defaultdict(set)
        for name, address in page.links:
            addresses[name].add(address)
        ambiguous |= {(url, name): each for name, each in addresses.items() if len(each) > 1}

    assert ambiguous == {}


def test_a_row_is_found_by_the_id_of_its_order(pages: dict[str, Seen], scene: Scene) -> None:
    names = [name for page in pages.values() for name, _address in page.links]

    for application in ("purchase.created, order {}", "purchase.created, order {}, receipt"):
        assert any(name.startswith(application.format(scene.order)) for name in names)


def test_every_defense_is_located(pages: dict[str, Seen]) -> None:
    located = {
        found_id
        for page in pages.values()
        for name, found_id, _state in page.located
        if name == "defense"
    }

    assert located == {each.value for each in Defence}


@dataclass(frozen=True, slots=True)
class Documented:
    """A line of the table in the docs."""

    has_id: bool
    states: set[str]


def documented() -> dict[str, Documented]:
    """Return the table of the docs by data-testid. "The same": the states of the line above."""
    text = TESTING.read_text().partition("| `data-testid` |")[2]
    lines = re.findall(r"^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", text, re.MULTILINE)
    found: dict[str, Documented] = {}
    states: set[str] = set()
    for name, _page, about_id, about_states in lines:
        if about_states.strip() != "the same":
            states = set(_states(about_states)) or {""}
        found[name] = Documented(bool(about_id.strip()), states)
    return found


def _states(text: str) -> Iterator[str]:
    yield from re.findall(r"`([a-z_]+)`", text)
    if "fault" in text:
        yield from ("status", "slow", "never", "drop", "accept_then_500", "random", "script")
    if "verdict" in text:
        yield from ("accepted", "duplicate", "ignored", "rejected")
    if "state of the delivery" in text:
        yield from ("pending", "sending", "succeeded", "failed", "cancelled")


def read(address: str) -> tuple[str, Seen]:
    with client(address) as visitor:
        answer = visitor.get(address, follow_redirects=True)
    reader = _Reader()
    reader.feed(answer.text)
    return address, reader.seen


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self._tables = 0
        self._address: str | None = None
        self._name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if name := attributes.get("data-testid"):
            found = (name, attributes.get("data-id", ""), attributes.get("data-state", ""))
            self.seen.located.append(found)
        self._tables += tag == "table"
        if tag == "a" and self._tables:
            self._address, self._name = attributes["href"], ""

    def handle_endtag(self, tag: str) -> None:
        self._tables -= tag == "table"
        if tag == "a" and self._address is not None:
            self.seen.links.append((" ".join(self._name.split()), self._address))
            self._address = None

    def handle_data(self, data: str) -> None:
        self._name += data
