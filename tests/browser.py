"""Finds a browser for the end-to-end tests, and downloads or installs one if there is none.

The Makefile runs ``python -m tests.browser`` before the end-to-end tests.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from playwright.sync_api import sync_playwright

# The shell first: it has no windows, and the tests take a fifth less time.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
# Chromium needs these to run as root and in containers with little shared memory.
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage")
INSTALL = "apt-get install -qy"
START_SECONDS = 30
DOWNLOAD_SECONDS = 300
INSTALL_SECONDS = 600
HOW_TO_GET_ONE = (
    "No browser for the end-to-end tests: install Chromium or Google Chrome "
    "(on Debian: apt-get install chromium) and try again."
)


def main() -> None:
    """Exit with 0 if a browser is available, otherwise with 2 and one line."""
    for get_one in (_do_nothing, _download, _install_with_apt):
        get_one()
        if find_browser():
            return
        find_browser.cache_clear()
    sys.stderr.write(f"{HOW_TO_GET_ONE}\n")
    sys.exit(2)


@cache
def find_browser() -> Path | None:
    """Return the first browser that runs, preferring installed ones to Playwright's; or None.

    Pass it to Playwright as ``executable_path``, with ``args=FLAGS``.
    """
    return next((each for each in _candidates() if _runs(each)), None)


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        if found := shutil.which(name):
            yield Path(found)
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    if own.exists():
        yield own


def _runs(browser: Path) -> bool:
    """Return whether it shows a page. Some distributions install only a script with a hint."""
    page = "data:text/html,<p>It runs</p>"
    command = [str(browser), "--headless", *FLAGS, "--disable-gpu", "--dump-dom", page]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"It runs" in shown.stdout


def _do_nothing() -> None:
    """Do nothing: there may already be a browser."""


def _download() -> None:
    attempt(
        "Downloading a browser with Playwright",
        [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"],
        DOWNLOAD_SECONDS,
    )


def _install_with_apt() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempt(
            "Installing Debian's Chromium",
            [
                "sh",
                "-c",
                f"apt-get update -q && ({INSTALL} chromium-headless-shell || {INSTALL} chromium)",
            ],
            INSTALL_SECONDS,
        )


def attempt(doing: str, command: list[str], patience: float) -> None:
    """Run a command that may fail: success means that a browser is found afterwards."""
    sys.stderr.write(f"{doing} …\n")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"… given up after {patience:g} s\n")
        return
    if done.returncode != 0:
        sys.stderr.write(f"… failed: {_gist(done.stderr)}\n")


def _gist(complaint: str) -> str:
    """Return the last line with an error of Node or apt, or else the last line."""
    lines = complaint.strip().splitlines() or [""]
    named = [line for line in lines if line.startswith(("Error: ", "E: "))]
    return (named or lines)[-1]


if __name__ == "__main__":
    main()
