"""The pytest plugin: fixtures, options, and what a failed test leaves behind.

docs/testing.md describes all of them. The plugin starts nothing before a test uses a fixture.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hookshop.testing.http_client import HookshopError
from hookshop.testing.pair import Hookshop, new_pair
from hookshop.testing.receiver import LOOPBACK, Receiver, running_receiver
from hookshop.testing.server import DemoProcess, HookshopServer, ServerError, connect
from hookshop.testing.story import save_story, tell_story, trace_pages
from hookshop.testing.xdist_desk import ServerDesk, ask_desk

MARKER = "hookshop"
MAX_TRACES = 5  # in a report
WORKER_INPUT = "hookshop_desk"

# Not in the workers of pytest-xdist, which share the controller's.
DEMO = pytest.StashKey[DemoProcess]()
_DESK = pytest.StashKey[ServerDesk]()
_HAS_FAILED = pytest.StashKey[bool]()


# Name after --hookshop-, environment variable, kind of value, help.
OPTIONS = (
    ("url", "HOOKSHOP_URL", "URL", "the shop of a demo that runs; else the tests start one"),
    ("subscriber-url", "HOOKSHOP_SUBSCRIBER_URL", "URL", "its subscriber; else the next port"),
    ("token", "HOOKSHOP_TOKEN", "TOKEN", "the admin token of the shop, if it has one"),
    ("subscriber-token", "HOOKSHOP_SUBSCRIBER_TOKEN", "TOKEN", "that of the subscriber"),
    ("receiver-host", "HOOKSHOP_RECEIVER_HOST", "HOST", "by which the shop reaches the tests"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. Environment variables are their defaults."""
    group = parser.getgroup("hookshop", "Hookshop: a shop that sends webhooks, and a subscriber")
    for name, variable, metavar, text in OPTIONS:
        group.addoption(
            f"--hookshop-{name}",
            metavar=metavar,
            default=os.environ.get(variable) or None,
            help=f"{text} (default: {variable})",
        )
    group.addoption(
        "--hookshop-failures",
        metavar="DIR",
        default="hookshop-failures",
        help="folder for what failed tests leave behind (default: hookshop-failures)",
    )
    parser.addini("hookshop_demo", "further options of `hookshop demo`", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Prepare a demo; it starts when a test needs it first."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**settings): settings of the shop's sandbox, such as retry_schedule='0,1,1'",
    )
    if not hasattr(config, "workerinput"):
        config.stash[DEMO] = DemoProcess(config.getini("hookshop_demo"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the demo."""
    if desk := config.stash.get(_DESK, None):
        desk.close()
    if demo := config.stash.get(DEMO, None):
        demo.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller of pytest-xdist: tell a new worker where to ask for the demo."""
    config: pytest.Config = node.config
    if _DESK not in config.stash:
        config.stash[_DESK] = ServerDesk(config.stash[DEMO].get)
    node.workerinput[WORKER_INPUT] = config.stash[_DESK].address


@pytest.fixture(scope="session")
def hookshop_server(pytestconfig: pytest.Config) -> HookshopServer:
    """One demo for all tests and all workers of pytest-xdist."""
    try:
        return _find_server(pytestconfig)
    except ServerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def hookshop(request: pytest.FixtureRequest, hookshop_server: HookshopServer) -> Iterator[Hookshop]:
    """A shop and a subscriber that no other test sees, without any data.

    If the test fails, a demo that was already running keeps them for an hour.
    """
    marker = request.node.get_closest_marker(MARKER)
    settings = marker.kwargs if marker else {}
    made = new_pair(hookshop_server, keep=lambda: _leaves_pages(request), **settings)
    with ExitStack() as dropping:
        try:
            pair = dropping.enter_context(made)
        except HookshopError as error:
            pytest.fail(str(error), pytrace=False)
        yield pair


@pytest.fixture
def hookshop_receiver(request: pytest.FixtureRequest, hookshop: Hookshop) -> Iterator[Receiver]:
    """A receiver in this process, registered at the shop of ``hookshop``."""
    host = request.config.getoption("--hookshop-receiver-host") or LOOPBACK
    with running_receiver(hookshop, host=host, keep=lambda: _leaves_pages(request)) as receiver:
        yield receiver


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test where to look, and save the story of its sandboxes."""
    report = yield
    if not report.failed or "hookshop_server" not in getattr(item, "fixturenames", ()):
        return report
    found = getattr(item, "funcargs", {})
    server, pair = found.get("hookshop_server"), found.get("hookshop")
    if server and (reason := server.why_it_is_gone()):
        report.sections.append(("Hookshop: the demo is gone", reason))
    elif pair and report.when == "call":
        item.stash[_HAS_FAILED] = True
        text = _report(item, pair, found.get("hookshop_receiver"))
        report.sections.append(("Hookshop: what happened", text))
    return report


def _find_server(config: pytest.Config) -> HookshopServer:
    if url := config.getoption("--hookshop-url"):
        return connect(
            url,
            config.getoption("--hookshop-subscriber-url"),
            shop_token=config.getoption("--hookshop-token"),
            subscriber_token=config.getoption("--hookshop-subscriber-token"),
        )
    if demo := config.stash.get(DEMO, None):
        return demo.get()
    return ask_desk(config.workerinput[WORKER_INPUT])  # type: ignore[attr-defined]  # of pytest-xdist


def _leaves_pages(request: pytest.FixtureRequest) -> bool:
    """Return whether to keep the sandboxes of a failed test, for a person to look at."""
    was_running = bool(request.config.getoption("--hookshop-url"))
    return was_running and request.node.stash.get(_HAS_FAILED, False)


def _report(item: pytest.Item, pair: Hookshop, receiver: Receiver | None) -> str:
    lines = [f"shop: {pair.shop.url}", f"subscriber: {pair.subscriber.url}"]
    try:
        traces = trace_pages(pair)
    except HookshopError as error:
        traces = [str(error)]
    lines += [f"trace: {page}" for page in traces[:MAX_TRACES]]
    folder = Path(item.config.invocation_params.dir, item.config.getoption("--hookshop-failures"))
    try:
        file = save_story(folder, item.nodeid, tell_story(pair, receiver))
        lines.append(f"story: {file}")
    except OSError as error:
        lines.append(f"The story could not be saved in {folder}: {error}")
    if item.config.getoption("--hookshop-url"):
        lines.append("The sandboxes stay for an hour.")
    else:
        lines.append(
            "The pages end with the tests. To look at them afterwards, start `hookshop demo` and "
            "call pytest with --hookshop-url http://127.0.0.1:8000"
        )
    return "\n".join(lines)
