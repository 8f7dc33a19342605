"""``make`` in a clone of its own: installing, and deleting what a demo has stored."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo import ROOT, clean_environment, free_ports
from tests.waiting import wait_for


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone that needs no packages."""
    for name in ("Makefile", "hookshop", "subscriber_app", "templates", "static"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "requirements.txt").touch()
    return tmp_path


def make(clone: Path, target: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", target, f"PYTHON={sys.executable}"],
        cwd=clone,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def subscriber_in(var: Path) -> Iterator[None]:
    """Run the subscriber with this folder until the block ends."""
    settings = {"HOOKSHOP_VAR": str(var), "SUBSCRIBER_PORT": str(free_ports(1)[0])}
    process = subprocess.Popen(
        [sys.executable, "-m", "subscriber_app"],
        cwd=ROOT,
        env=clean_environment() | settings,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for((var / "subscriber.db").exists, "the subscriber has its database")
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)


def test_two_makes_at_once_install_once(clone: Path) -> None:
    both = [make(clone, "ready-to-run") for _ in range(2)]

    outputs = [process.communicate(timeout=120)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0], outputs
    assert "".join(outputs).count("Setting up .venv") == 1
    assert "".join(outputs).count("waiting") == 1
    assert (clone / ".venv" / "requirements.txt").exists()
    assert os.access(clone / ".venv" / "bin" / "python", os.X_OK)


def test_reset_refuses_while_the_folder_is_in_use(clone: Path) -> None:
    with subscriber_in(clone / "var"):
        reset = make(clone, "reset")
        output, _ = reset.communicate(timeout=30)

        assert reset.returncode != 0
        assert output.startswith("var is in use: stop the demo or the application")
        assert (clone / "var" / "subscriber.db").exists()

    reset = make(clone, "reset")
    assert reset.communicate(timeout=30)[0] == ""
    assert reset.returncode == 0
    assert not (clone / "var").exists()


def test_reset_without_anything_to_delete_does_nothing(clone: Path) -> None:
    reset = make(clone, "reset")

    assert reset.communicate(timeout=30)[0] == ""
    assert reset.returncode == 0
