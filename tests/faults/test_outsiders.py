"""An author of tests, with nothing but the wheel from pip: the examples, again and again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import find_browser
from tests.demo import ROOT, clean_environment
from tests.e2e.test_examples import EXAMPLE, use_browser_of_this_machine
from tests.playwright_project import EXAMPLE as IN_TYPESCRIPT
from tests.playwright_project import Project, needs_node
from tests.wheel import build, install, site_packages

RUNS = 10
RUN_SECONDS = 120


@pytest.mark.long
@pytest.mark.one_database("is about the wheel")
def test_the_example_is_green_ten_times_with_two_workers(tmp_path: Path) -> None:
    environment = install(build("wheel", ROOT, tmp_path / "wheel"), tmp_path / "environment")
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    use_browser_of_this_machine(project)
    command = [str(environment / "bin" / "python"), "-m", "pytest", "--numprocesses", "2"]

    for _ in range(RUNS):
        done = subprocess.run(
            command,
            cwd=project,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert "10 passed" in done.stdout, done.stdout + done.stderr


@needs_node
@pytest.mark.long
@pytest.mark.one_database("is about the wheel")
def test_the_example_in_typescript_is_green_ten_times_with_two_workers(tmp_path: Path) -> None:
    environment = install(build("wheel", ROOT, tmp_path / "wheel"), tmp_path / "environment")
    files = IN_TYPESCRIPT.glob("*.spec.ts")
    project = Project.make(tmp_path / "project", *files, browser=find_browser())
    shutil.copy(site_packages(environment) / "hookshop" / "testing" / "hookshop.ts", project.folder)
    path = f"{environment / 'bin'}{os.pathsep}{project.environment['PATH']}"

    for _ in range(RUNS):
        run = project.run_tests(PATH=path)
        assert "10 passed" in run.output, run.output
