"""One demo for all tests of the kit, and pytest runs of their own on small files."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hookshop.testing import Hookshop, HookshopServer, new_pair
from tests.demo import ROOT, clean_environment

RUN_SECONDS = 120
SCHEDULE = "0,600,600"  # too long to wait for
PLUGINS = ("-p", "hookshop.testing.plugin", "-p", "no:asyncio")


@dataclass(frozen=True, slots=True)
class Run:
    """A pytest run that has ended. ``output``: of both streams."""

    code: int
    output: str


RunTests = Callable[..., Run]


@pytest.fixture(scope="session")
def server(hookshop_server: HookshopServer) -> HookshopServer:
    return hookshop_server


@pytest.fixture
def hookshop(server: HookshopServer) -> Iterator[Hookshop]:
    with new_pair(server, retry_schedule=SCHEDULE) as pair:
        yield pair


@pytest.fixture
def run_tests(tmp_path: Path) -> RunTests:
    """Run pytest on one file in a folder of its own."""

    def run(source: str, *options: str, **environment: str) -> Run:
        (tmp_path / "test_it.py").write_text(source)
        (tmp_path / "pytest.ini").touch()
        done = subprocess.run(
            command_of_tests(*options),
            cwd=tmp_path,
            env=environment_of_tests() | environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    return run


def command_of_tests(*options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *PLUGINS, "-p", "no:cacheprovider", *options]


def environment_of_tests() -> dict[str, str]:
    return clean_environment() | {"PYTHONPATH": os.fspath(ROOT)}


def urls_of(server: HookshopServer) -> tuple[str, ...]:
    return (
        f"--hookshop-url={server.shop_url}",
        f"--hookshop-subscriber-url={server.subscriber_url}",
    )
