"""Which browser the end-to-end tests use, and what happens without one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import HOW_TO_GET_ONE, find_browser
from tests.demo import ROOT, clean_environment

SHOWS_A_PAGE = "#!/bin/sh\necho 'It runs'\n"
ONLY_SAYS_WHERE_TO_GET_ONE = "#!/bin/sh\necho 'Please install it with another tool'\nexit 1\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make this the only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    find_browser.cache_clear()
    yield tmp_path
    find_browser.cache_clear()


def install(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(script)
    program.chmod(0o755)
    return program


def test_the_first_browser_that_shows_a_page_is_used(path: Path) -> None:
    install(path, "chromium-browser", ONLY_SAYS_WHERE_TO_GET_ONE)
    chrome = install(path, "google-chrome", SHOWS_A_PAGE)
    install(path, "chrome", SHOWS_A_PAGE)

    assert find_browser() == chrome


def test_without_a_browser_the_last_line_says_what_to_do(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    no_download = {"PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.browser"],
        cwd=ROOT,
        env=clean_environment() | nothing | no_download,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    tried, failed, advice = done.stderr.splitlines()
    assert tried == "Downloading a browser with Playwright …"
    assert failed.startswith("… failed: Error: ")
    assert advice == HOW_TO_GET_ONE
