"""On every installed Python from 3.11 to 3.14, the tests pass and the demo delivers."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo import ROOT, clean_environment, running_demo
from tests.programs import buy, client, wait_until
from tests.waiting import wait_for

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
INSTALL_SECONDS = 900
TEST_SECONDS = 1800
# Imports the modules that make needs, and prints the version.
ASK = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def find_python(version: str) -> Path | None:
    """Return an interpreter of this version from the PATH or from pyenv."""
    return next((each for each in _candidates(version) if _version_of(each) == version), None)


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob(f"{version}.*/bin/python{version}"))


def _version_of(python: Path) -> str:
    try:
        done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # for example a pyenv shim without a version
        return ""
    return done.stdout.strip()


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_unit_and_contract_tests_pass_and_the_demo_delivers_on_python(
    version: str, tmp_path: Path
) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    environment = [f"VENV={tmp_path / 'venv'}", f"PYTHON={python}"]

    # As for a new user: only the requirements of the demo.
    run(INSTALL_SECONDS, "make", "--silent", "ready-to-run", *environment)
    deliver_one_order("make", "--silent", "demo", *environment)
    run(INSTALL_SECONDS, "make", "--silent", "ready-to-develop", *environment)
    pytest_there = [str(tmp_path / "venv/bin/python"), "-m", "pytest", "-p", "no:cacheprovider"]
    run(
        TEST_SECONDS,
        *pytest_there,
        "--quiet",
        "--numprocesses=auto",
        "tests/unit",
        "tests/contract",
    )


def run(seconds: float, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def deliver_one_order(*command: str) -> None:
    with (
        running_demo(command=command) as demo,
        client(demo.shop_url) as shop,
        client(demo.subscriber_url) as subscriber,
    ):
        wait_until(shop, buy(shop), "succeeded")
        wait_for(lambda: subscriber.get("/v1/stats").json()["purchases"] == 1, "it is booked")
