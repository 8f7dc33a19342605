"""An author of tests, with nothing but the wheel from pip: the example project, again and again."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.demo import ROOT, clean_environment
from tests.e2e.test_examples import EXAMPLE, use_browser_of_this_machine
from tests.wheel import build, install

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
