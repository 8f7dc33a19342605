"""Builds the wheel, and installs it into an environment of its own."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.demo import ROOT, clean_environment


def run(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(target: str, source: Path, folder: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder, folder=source)
    [built] = folder.iterdir()
    return built


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel, and with the dependencies of the tests' environment."""
    venv.create(folder, with_pip=False)
    run(*uv(folder, "install"), "--no-deps", wheel)
    (site_packages(folder) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def uv(environment: Path, action: str) -> list[str]:
    python = str(environment / "bin" / "python")
    return [sys.executable, "-m", "uv", "pip", action, "--quiet", "--offline", "--python", python]


def site_packages(environment: Path) -> Path:
    [folder] = environment.glob("lib/python*/site-packages")
    return folder
