"""Each fault reports one line of what was counted; pytest prints all of them at its end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.world import World, running_world
from tests.postgres import copy_of

Report = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; runs only in make test-faults")


@pytest.fixture(scope="module")
def _world(request: pytest.FixtureRequest, shop_template: str | None) -> Iterator[World]:
    """One world for the tests of a module, with the settings that the module names."""
    settings = getattr(request.module, "SETTINGS", {})
    with ExitStack() as running:
        url = running.enter_context(copy_of(shop_template)) if shop_template else None
        yield running.enter_context(running_world(url, **settings))


@pytest.fixture
def world(_world: World, request: pytest.FixtureRequest) -> World:
    """The module's world, with everything at work and nothing ordered yet."""
    _world.restore()
    request.node.user_properties.append(("began", time.monotonic()))
    return _world


@pytest.fixture
def report(world: World, request: pytest.FixtureRequest) -> Report:
    """Check the books and say what was counted, and how long it took since everything ran."""

    def report(*remarks: str) -> None:
        world.books.compare()
        seconds = time.monotonic() - dict(request.node.user_properties)["began"]
        fault = request.node.name.removeprefix("test_").replace("_", " ")
        counted = "; ".join([str(world.books.count()), *remarks])
        # A property of the report, which comes from wherever the test ran to who prints it.
        line = f"{fault}: {counted}; {seconds:.1f} s"
        request.node.user_properties.append(("cost", line))

    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.getreports("passed")
    lines = [dict(report.user_properties).get("cost") for report in passed]
    if any(lines):
        terminalreporter.section("what the faults cost")
        for line in filter(None, lines):
            terminalreporter.write_line(str(line))
