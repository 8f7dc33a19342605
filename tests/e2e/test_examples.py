"""The example projects and the snippets of the docs, run as an author runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hookshop.testing import HookshopServer
from tests.browser import find_browser
from tests.demo import ROOT, clean_environment
from tests.documents import code_blocks, page
from tests.playwright_project import EXAMPLE as IN_TYPESCRIPT
from tests.playwright_project import Project, needs_node

EXAMPLE = ROOT / "examples" / "pytest"
RUN_SECONDS = 120
PLUGINS = ("-p", "hookshop.testing.plugin", "-p", "no:asyncio")
CONFTEST = """
import pytest

from browser_of_this_machine import FLAGS, find_browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": find_browser(), "args": FLAGS}
"""


def test_the_example_and_the_docs_pass_with_two_workers(
    tmp_path: Path, demo: HookshopServer
) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    use_browser_of_this_machine(tmp_path)
    snippets = [each for each in code_blocks(page("testing"), "python") if "(hookshop" in each]
    for number, snippet in enumerate(snippets):
        (tmp_path / f"test_docs_{number}.py").write_text(snippet)
    urls = (f"--hookshop-url={demo.shop_url}", f"--hookshop-subscriber-url={demo.subscriber_url}")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "--numprocesses", "2", *urls],
        cwd=tmp_path,
        env=clean_environment() | {"PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{10 + len(snippets)} passed" in done.stdout


def use_browser_of_this_machine(project: Path) -> None:
    """Add a ``conftest.py`` that launches it, instead of what `playwright install` downloads."""
    (project / "conftest.py").write_text(CONFTEST)
    shutil.copy(ROOT / "tests" / "browser.py", project / "browser_of_this_machine.py")


def test_the_example_has_ten_tests_and_no_glue() -> None:
    sources = [file.read_text() for file in EXAMPLE.glob("*.py")]

    assert sum(len(re.findall(r"^def test_", source, re.MULTILINE)) for source in sources) == 10
    assert not (EXAMPLE / "conftest.py").exists()


@needs_node
def test_the_example_and_the_docs_in_typescript_pass_with_two_workers(
    tmp_path: Path, demo: HookshopServer
) -> None:
    files = IN_TYPESCRIPT.glob("*.spec.ts")
    project = Project.make(tmp_path / "project", *files, browser=find_browser()).use(demo)
    snippets = [each for each in code_blocks(page("testing"), "ts") if "test(" in each]
    for number, snippet in enumerate(snippets):
        project.write(f"docs_{number}.spec.ts", snippet)

    run = project.run_tests()

    assert run.code == 0, run.output
    assert f"{10 + len(snippets)} passed" in run.output
    assert "using 2 workers" in run.output


def test_the_example_in_typescript_has_the_same_ten_tests_and_under_ten_lines_of_glue() -> None:
    in_python = [name for file in EXAMPLE.glob("*.py") for name in names_in_python(file)]
    sources = [file.read_text() for file in IN_TYPESCRIPT.glob("*.spec.ts")]
    names = re.findall(r'^ *test\("(.+?)"', "\n".join(sources), re.MULTILINE)

    assert sorted(names) == sorted(in_python)
    assert len((IN_TYPESCRIPT / "playwright.config.ts").read_text().splitlines()) < 10


def names_in_python(file: Path) -> list[str]:
    found = re.findall(r"^def test_(\w+)", file.read_text(), re.MULTILINE)
    return [name.replace("_", " ") for name in found]
