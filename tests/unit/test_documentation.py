"""The README, docs/ and .env.example agree with the code, and every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pydantic_settings import BaseSettings

from hookshop.testing.plugin import OPTIONS
from shop.config import Settings as ShopSettings
from shop.vocabulary import DeliveryState
from shop.webhooks.rules.retries import NAMED_SCHEDULES
from subscriber_app.config import Settings as SubscriberSettings
from subscriber_app.vocabulary import Reason, Verdict
from subscriber_app.web.attack_labels import ATTACKS
from tests.documents import (
    DOCUMENTS,
    FOLDER,
    PAGES,
    README,
    ROOT,
    TEACHING,
    anchors,
    code_in,
    links,
    page,
    section,
)
from tests.e2e.moving_picture import MAX_BYTES
from tests.who_may_see_what import table_for_docs

MAX_README_LINES = 200
MIN_FRAMES = 50
SOURCES = {".py", ".html", ".js", ".css"}


def variables(settings: type[BaseSettings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        prefix = settings.model_config["env_prefix"]
        yield alias if isinstance(alias, str) else f"{prefix}{name.upper()}"


SETTINGS = {*variables(ShopSettings), *variables(SubscriberSettings)}
OF_THE_COMMAND = {
    "HOOKSHOP_SHOP_URL",  # the default of an option, which docs/command.md has
    "HOOKSHOP_EXAM_URL",  # which the exam sets for the receiver that it starts
}
OF_THE_TEST_KIT = {variable for _name, variable, _metavar, _text in OPTIONS}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def broken(link: str, document: Path) -> bool:
    """Return whether a link of this document leads to no file, or to no heading of a page."""
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    return not target.exists() or bool(anchor and anchor not in anchors(target.read_text()))


def test_the_docs_list_every_setting_and_no_other() -> None:
    listed = re.findall(r"`((?:HOOKSHOP|SHOP|SUBSCRIBER)_[A-Z_]+)`", page("settings"))

    assert set(listed) == SETTINGS


def test_the_example_of_an_environment_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)

    assert sorted(listed) == sorted(SETTINGS)


def test_the_docs_name_every_reason_for_a_rejection() -> None:
    named = section(page("receipts"), "## How the subscriber decides")

    assert not [reason for reason in Reason if f"`{reason}`" not in named]


def test_the_glossary_explains_every_state_and_verdict() -> None:
    words = page("glossary")

    assert not [word for word in (*DeliveryState, *Verdict) if f"`{word}`" not in words]


def test_the_docs_give_the_schedules_as_they_are() -> None:
    contract = " ".join(page("contract").split())

    for name, delays in NAMED_SCHEDULES.items():
        assert f"`{name}` {', '.join(map(str, delays))}" in contract


def test_the_docs_say_who_may_see_what() -> None:
    assert table_for_docs() in section(page("access"), "## Who may see what")


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    inside = [link for link in links(document.read_text()) if not re.match("https?:", link)]

    assert [link for link in inside if broken(link, document)] == []


def test_every_page_of_the_docs_that_the_code_names_is_there() -> None:
    named = {name for text in sources() for name in re.findall(r"\bdocs/([\w-]+\.md)\b", text)}

    assert named
    assert [name for name in sorted(named) if not (FOLDER / name).exists()] == []


def test_no_code_sends_its_reader_to_the_readme_for_what_is_in_the_docs() -> None:
    assert [text for text in sources() if re.search(r"(?i)\b(see|in) the readme\b", text)] == []


def sources() -> Iterator[str]:
    """Yield the text of the files of both applications, of the kit, and of the benchmarks."""
    for folder in ("hookshop", "shop", "subscriber_app", "templates", "benchmarks", "static"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SOURCES and "node_modules" not in path.parts:
                yield path.read_text()


def test_the_index_lists_every_page() -> None:
    listed = links((FOLDER / "README.md").read_text())

    assert [path.name for path in PAGES if path.name not in {*listed, "README.md"}] == []


def test_the_index_of_the_teaching_pages_lists_every_page() -> None:
    listed = links((FOLDER / "teaching" / "README.md").read_text())

    assert [path.name for path in TEACHING if path.name not in {*listed, "README.md"}] == []


def test_every_screenshot_is_shown_somewhere() -> None:
    shown = {Path(link).name for document in DOCUMENTS for link in links(document.read_text())}

    assert {path.name for path in (ROOT / "static" / "screenshots").iterdir()} <= shown


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MAX_README_LINES


def test_the_button_that_the_readme_names_is_on_the_attack_desk() -> None:
    [name] = re.findall(r'press "(.+?)"', README.read_text())

    assert name in {attack.name for attack in ATTACKS.values()}


def test_the_moving_picture_of_the_readme_moves_and_is_small() -> None:
    [picture] = [ROOT / link for link in links(README.read_text()) if link.endswith(".webp")]

    with Image.open(picture) as image:
        assert getattr(image, "n_frames", 1) > MIN_FRAMES
    assert picture.stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_a_document_names_only_settings_and_make_targets_that_exist(document: Path) -> None:
    text = document.read_text()
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    assert set(re.findall(r"\bmake ([a-z0-9-]+)", code_in(text))) <= {*targets}
    named = set(re.findall(r"\b(?:HOOKSHOP|SHOP|SUBSCRIBER)_[A-Z_]+\b", text))
    assert named <= SETTINGS | OF_THE_COMMAND | OF_THE_TEST_KIT


def test_the_makefile_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?\b", (ROOT / "Makefile").read_text()))

    # Without Node, nothing is installed for it.
    tests = {path for path in named if not path.endswith("/node_modules")}

    assert [path for path in sorted(tests) if not (ROOT / path).exists()] == []
