"""docs/receivers.md builds the right receivers, and names every case and every mistake."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from shop.exam.case import Case
from shop.exam.cases import ALL_CASES
from shop.exam.command import main
from tests.documents import anchors, code_blocks, links, page, section, without_code
from tests.receivers.manifest import WRONG
from tests.receivers.running import FOLDER

PAGE = page("receivers")
HEADINGS = [line for line in PAGE.splitlines() if line.startswith("##")]
CASES = {case.name for case in ALL_CASES}


@pytest.mark.parametrize(
    ("language", "program"), [("python", "right/plain.py"), ("js", "right/node_plain.mjs")]
)
def test_the_blocks_of_a_language_make_up_the_program(language: str, program: str) -> None:
    blocks = "\n".join(code_blocks(PAGE, language))

    assert _lines(blocks) == _lines((FOLDER / program).read_text())


def test_every_case_is_named_once() -> None:
    named = [name for name in re.findall(r"`([a-z0-9-]+)`", PAGE) if name in CASES]

    assert sorted(named) == sorted(CASES)


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_a_case_leads_to_the_section_that_names_it(case: Case) -> None:
    document, _, anchor = case.docs.partition("#")
    [heading] = [line for line in HEADINGS if anchors(line) == {anchor}]

    assert document == "docs/receivers.md"
    assert f"`{case.name}`" in section(without_code(PAGE), heading)


def test_every_mistake_is_named_once() -> None:
    named = [Path(link).stem for link in links(PAGE) if link.endswith(".py") and "/wrong/" in link]

    assert sorted(named) == sorted(WRONG)


def test_the_commands_are_commands_of_the_exam() -> None:
    [workflow] = [yaml.safe_load(block) for block in code_blocks(PAGE, "yaml")]
    steps = [step.get("run", "") for step in workflow["jobs"]["exam"]["steps"]]
    shells = [block.replace("\\\n", "") for block in code_blocks(PAGE, "sh")]
    commands = [text for text in (*steps, *shells) if "hookshop exam" in text]

    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command.partition("hookshop exam")[2])
        assert main([*words, "--list"]) == 0  # which parses all options and asks nobody


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]
