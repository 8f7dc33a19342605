"""Projects of Playwright Test, each in a folder of its own, with the kit for TypeScript."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from hookshop.testing import HookshopServer
from tests.browser import FLAGS
from tests.demo import ROOT, clean_environment

EXAMPLE = ROOT / "examples" / "typescript"
KIT = ROOT / "hookshop" / "testing" / "hookshop.ts"
NODE_MODULES = EXAMPLE / "node_modules"
MIN_NODE = 20
RUN_SECONDS = 300  # a busy machine may need them
# The settings of the example, for this machine.
CONFIG = """
import config from "./playwright.config";

const use = {{ ...config.use, launchOptions: {launch} }};

export default {{ ...config, expect: {{ timeout: 10_000 }}, use }};
"""


@cache
def why_not() -> str | None:
    """Return why no project can run here, or None."""
    if not shutil.which("node"):
        return "Node is not installed here"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.removeprefix("v").partition(".")[0]) < MIN_NODE:
        return f"Node {MIN_NODE} is needed, and here is {version.stdout.strip()}"
    if not (NODE_MODULES / "@playwright" / "test").exists():
        return "@playwright/test is not installed here: make ready-to-test"
    return None


needs_node = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@dataclass(frozen=True, slots=True)
class Run:
    """A command that has ended. ``output``: of both streams."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with the settings of the example, the kit, and the command ``hookshop``."""

    folder: Path
    environment: dict[str, str] = field(default_factory=clean_environment)

    @classmethod
    def make(cls, folder: Path, *files: Path, browser: Path | None = None) -> "Project":
        """Make a project with these files. ``browser``: for tests of pages."""
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        (folder / "node_modules").symlink_to(NODE_MODULES)
        settings = (EXAMPLE / name for name in ("package.json", "tsconfig.json"))
        for file in (KIT, EXAMPLE / "playwright.config.ts", *settings, *files):
            shutil.copy(file, folder)
        launch = {"executablePath": str(browser), "args": FLAGS} if browser else {}
        (folder / "this_machine.config.ts").write_text(CONFIG.format(launch=json.dumps(launch)))
        _write_command(bin_folder / "hookshop")
        project = cls(folder)
        project.environment["PATH"] = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        return project

    def use(self, server: HookshopServer) -> "Project":
        """Test with a demo that is running."""
        self.environment["HOOKSHOP_URL"] = server.shop_url
        self.environment["HOOKSHOP_SUBSCRIBER_URL"] = server.subscriber_url
        return self

    def write(self, name: str, source: str) -> None:
        (self.folder / name).write_text(source)

    def check_types(self, *options: str) -> Run:
        return self._run([self._program("tsc"), *options], {})

    def run_tests(self, *options: str, **environment: str) -> Run:
        return self._run(self.command(*options), environment)

    def command(self, *options: str) -> list[str]:
        config = ("--config", "this_machine.config.ts", "--reporter", "list")
        return [self._program("playwright"), "test", *config, *options]

    def _program(self, name: str) -> str:
        return str(self.folder / "node_modules" / ".bin" / name)

    def _run(self, command: list[str], environment: Mapping[str, str]) -> Run:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)


def _write_command(file: Path) -> None:
    """Write the command ``hookshop``, as an installation of the wheel has it."""
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m hookshop "$@"\n')
    file.chmod(0o755)
