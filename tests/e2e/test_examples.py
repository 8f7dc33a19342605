"""The example project and the pytest snippets of the docs, run as an author runs them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hookshop.testing import HookshopServer
from tests.demo import ROOT, clean_environment
from tests.documents import code_blocks, page

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
