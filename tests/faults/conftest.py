"""Each test reports one line of counts. pytest prints all of them at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.world import World, running_world
from tests.postgres import copy_of

Report = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; runs only in make test-faults")
    config.addinivalue_line(
        "markers", "restarts_server: restarts the PostgreSQL server, so no test may run beside it"
    )


@pytest.fixture(scope="module")
def _world(request: pytest.FixtureRequest, shop_template: str | None) -> Iterator[World]:
    """One world for the tests of a module, with the module's settings."""
    settings = getattr(request.module, "SETTINGS", {})
    with ExitStack() as running:
        url = running.enter_context(copy_of(shop_template)) if shop_template else None
        yield running.enter_context(running_world(url, **settings))


@pytest.fixture
def world(_world: World, request: pytest.FixtureRequest) -> World:
    """The module's world, with all programs running and no orders."""
    _world.restore()
    request.node.user_properties.append(("began", time.monotonic()))
    return _world


@pytest.fixture
def report(world: World, request: pytest.FixtureRequest) -> Report:
    """Compare the books, and report the counts and the time since all programs were running."""

    def report(*remarks: str) -> None:
        world.books.compare()
        seconds = time.monotonic() - dict(request.node.user_properties)["began"]
        fault = request.node.name.removeprefix("test_").replace("_", " ")
        counted = "; ".join([str(world.books.count()), *remarks])
        # A property of the report, because the test may run in another process than the summary.
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
