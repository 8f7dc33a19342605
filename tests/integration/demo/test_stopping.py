"""When the demo ends for any reason, none of its processes still runs."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.demo import (
    ROOT,
    START_SECONDS,
    STOP_SECONDS,
    Demo,
    has_ended,
    is_free,
    running_demo,
    started_demo,
)
from tests.waiting import wait_for

PARTS = 5  # the demo itself, Redis, shop, worker, subscriber
MAKE = ("make", "--silent", "demo")
# Stops reading, and therefore ends, when the demo prints that it serves.
WITH_AN_IMPATIENT_READER = ("sh", "-c", f"{sys.executable} -m hookshop.demo | grep -q Ctrl-C")


def venv_is_up_to_date() -> bool:
    wanted, present = ROOT / "requirements.txt", ROOT / ".venv/requirements.txt"
    return present.is_file() and present.read_bytes() == wanted.read_bytes()


needs_venv = pytest.mark.skipif(not venv_is_up_to_date(), reason="make would set up .venv first")


def assert_nothing_is_left(demo: Demo, *, of_at_least: int = PARTS) -> None:
    assert len(demo.seen) >= of_at_least
    assert [process for process in demo.seen if not has_ended(process)] == []
    assert all(map(is_free, demo.ports))


def test_a_sigterm_stops_everything_even_with_open_live_pages() -> None:
    with (
        running_demo() as demo,
        live_page(f"{demo.shop_url}/deliveries/live") as deliveries,
        live_page(f"{demo.subscriber_url}/receipts/live") as receipts,
    ):
        assert demo.stop(signal.SIGTERM) == 0

        assert demo.output().endswith("demo       | everything has stopped\n")
        # A server that cancels open requests logs long messages.
        assert "timeout graceful shutdown exceeded" not in demo.output()
        assert "Traceback" not in demo.output()
        assert_nothing_is_left(demo)
        read_to_the_end(deliveries)
        read_to_the_end(receipts)


@contextmanager
def live_page(url: str) -> Iterator[Iterator[str]]:
    """Open a live page's stream, and wait until it has started."""
    with httpx.stream("GET", url, trust_env=False) as answer:
        pieces = answer.iter_text()
        assert "hx-partial" in next(pieces)
        yield pieces


def read_to_the_end(pieces: Iterator[str]) -> None:
    """Read the response to its end. httpx raises if it ends early."""
    for _ in pieces:
        pass


@needs_venv
def test_ctrl_c_stops_what_make_has_started() -> None:
    with running_demo(command=MAKE) as demo:
        # A terminal sends the signal to make and all its descendants.
        os.killpg(demo.process.pid, signal.SIGINT)
        demo.process.wait(timeout=STOP_SECONDS)

        assert "everything has stopped" in demo.output()
        assert "Traceback" not in demo.output()
        assert_nothing_is_left(demo)


@needs_venv
def test_a_sigterm_for_make_alone_stops_what_make_has_started() -> None:
    with running_demo(command=MAKE) as demo:
        demo.stop(signal.SIGTERM)

        wait_for(lambda: all(map(has_ended, demo.seen)), "all processes end")
        assert_nothing_is_left(demo)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only Linux tells of a parent's death")
def test_a_demo_that_is_killed_takes_its_programs_with_it() -> None:
    with running_demo() as demo:
        demo.stop(signal.SIGKILL)

        wait_for(lambda: all(map(has_ended, demo.seen)), "all processes end")
        assert_nothing_is_left(demo)


def test_a_frozen_program_or_a_second_ctrl_c_does_not_keep_the_demo_from_stopping() -> None:
    with running_demo() as demo:
        demo.wait_for("worker").suspend()
        demo.process.send_signal(signal.SIGINT)

        assert demo.stop(signal.SIGINT) == 0

        assert "worker did not stop in time; killing it" in demo.output()
        assert "Traceback" not in demo.output()
        assert_nothing_is_left(demo)


def test_a_signal_in_the_middle_of_the_start_stops_everything() -> None:
    with started_demo() as demo:
        demo.wait_for("redis")

        demo.stop(signal.SIGTERM)

        assert "everything has stopped" in demo.output()
        assert_nothing_is_left(demo, of_at_least=2)  # the demo and Redis; others may have started


def test_it_ends_when_nobody_reads_its_output() -> None:
    with started_demo(command=WITH_AN_IMPATIENT_READER) as demo:
        demo.wait_for("subscriber")

        # It says that it serves only when everything has started.
        demo.process.wait(timeout=START_SECONDS + STOP_SECONDS)

        assert_nothing_is_left(demo)
