"""docs/teaching shows what changes in the receivers, mission by mission."""

import re
import shlex
from pathlib import Path

import pytest

from shop.exam.cases import ALL_CASES
from shop.exam.command import main
from tests.documents import code_blocks
from tests.receivers.steps import LANGUAGES, PAGES, steps_of, with_current_diffs

MISSIONS_WITH_CASES = {case.mission for case in ALL_CASES}
MISSIONS_ON_THE_PAGE = [*range(2, 18), 19]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def page(language: str) -> str:
    return (PAGES / f"{language}.md").read_text()


def test_the_page_shows_the_lines_that_change(language: str) -> None:
    # If this fails: python -m tests.receivers.steps
    assert with_current_diffs(page(language), language) == page(language)


def test_the_page_has_every_mission_and_checks_those_with_cases(language: str) -> None:
    headings = re.findall(r"^## Mission (\d+): ", page(language), flags=re.MULTILINE)
    checked = re.findall(
        r"^check --only mission-(\d+)\n```\n(?:\n## |$)", page(language), re.MULTILINE
    )

    assert [int(number) for number in headings] == MISSIONS_ON_THE_PAGE
    assert {int(number) for number in checked} == {*map(int, MISSIONS_WITH_CASES)}


def test_the_commands_are_commands_of_the_exam(language: str) -> None:
    shells = code_blocks(page(language), "sh")
    [exam] = re.findall(r"hookshop exam (.*) \"\$@\"", "\n".join(shells).replace("\\\n", ""))
    checks = [line for block in shells for line in block.splitlines() if line.startswith("check -")]

    assert len(checks) > len(MISSIONS_WITH_CASES)
    for check in checks:
        assert main([*shlex.split(exam), *shlex.split(check)[1:], "--list"]) == 0


def test_a_step_is_small(language: str) -> None:
    beginning = steps_of(language)[0]

    assert len(code_lines(beginning.path)) <= 45


def code_lines(path: Path) -> list[str]:
    lines = map(str.strip, path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "//", '"""', "/**"))]
