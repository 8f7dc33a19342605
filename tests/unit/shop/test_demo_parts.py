"""The small parts of the demo: labelled lines, restarts, what is run with which settings."""

import asyncio
import io
import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from shop.config import Settings
from shop.demo.console import Console, LabelledLines
from shop.demo.preflight import StartError, check_ports
from shop.demo.programs import Plan
from shop.demo.restarts import QUICK_SECONDS, Restarts


def test_lines_are_labelled_whole_however_their_pieces_come() -> None:
    out = io.StringIO()
    lines = LabelledLines(Console(out), "shop")

    for piece in (b"one\ntw", "o €".encode()[:3], "o €".encode()[3:], b"\r\nthree"):
        lines({"data": piece})
    lines.close()

    assert out.getvalue().splitlines() == [
        "shop       | one",
        "shop       | two €",
        "shop       | three",
    ]


def test_bytes_that_are_no_text_stop_nothing() -> None:
    out = io.StringIO()

    LabelledLines(Console(out), "worker")({"data": b"\xff\n"})

    assert out.getvalue() == "worker     | \N{REPLACEMENT CHARACTER}\n"


def test_a_console_that_nobody_reads_says_so_and_goes_on() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        console = Console(out)
        assert not console.is_gone()
        os.close(reading)
        assert console.is_gone()

        console.say("into the void")

        assert console.is_gone()


def test_a_console_that_cannot_be_polled_is_not_gone() -> None:
    with tempfile.TemporaryFile("w") as out:
        console = Console(out)
        kept = os.dup(out.fileno())
        os.close(out.fileno())  # poll says of it what it says of every terminal on macOS

        assert not console.is_gone()

        os.dup2(kept, out.fileno())
        os.close(kept)


class Process:
    """Stands in for circus: a watcher with one process, on a loop whose clock is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out = io.StringIO()
        self.restarts = Restarts("worker", Console(self.out))
        self._now = 0.0
        quiet = SimpleNamespace(close=lambda: None)
        self.watcher = SimpleNamespace(
            stdout_stream=quiet, stderr_stream=quiet, numprocesses=1, is_stopping=lambda: False
        )
        loop = SimpleNamespace(time=lambda: self._now, call_later=lambda *_: None)
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)

    def lives(self, seconds: float, exit_code: int = 1) -> str:
        """Start, end after so many seconds; returns what was said."""
        self.restarts.spawned()
        self._now += seconds
        self.out.truncate(0)
        self.out.seek(0)
        self.restarts.ended(watcher=self.watcher, exit_code=exit_code)
        return self.out.getvalue().partition("| ")[2].strip()


def test_a_program_that_ends_again_and_again_is_started_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process(monkeypatch)

    said = [process.lives(0.1) for _ in range(5)]

    assert [line.rpartition("; ")[2] for line in said] == [
        "starting it again",
        "starting it again in 1 s",
        "starting it again in 2 s",
        "starting it again in 5 s",
        "starting it again in 5 s",
    ]
    assert process.restarts.hopeless
    assert process.watcher.numprocesses == 0


def test_one_that_had_lived_for_a_while_is_started_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process(monkeypatch)
    for _ in range(2):
        process.lives(0.1)

    said = process.lives(QUICK_SECONDS, exit_code=-9)

    assert said == "worker was killed by SIGKILL; starting it again"
    assert not process.restarts.hopeless


def test_one_that_is_set_up_wrong_is_hopeless_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(monkeypatch)

    said = process.lives(0.1, exit_code=2)

    assert said == "worker ended with exit code 2; its line above says why"
    assert process.restarts.hopeless


def settings(tmp_path: Path, **fields: object) -> Settings:
    return Settings(HOOKSHOP_VAR=tmp_path, **fields)  # type: ignore[call-arg, arg-type]


def test_the_subscriber_is_told_which_shop_to_register_with(tmp_path: Path) -> None:
    plan = Plan.read(settings(tmp_path, port=8010), {"HOME": "/home/ada"})

    assert plan.environment["SUBSCRIBER_SHOP_URL"] == "http://127.0.0.1:8010"
    assert plan.environment["SUBSCRIBER_AUTO_REGISTER"] == "1"
    assert plan.environment["HOME"] == "/home/ada"


def test_what_is_set_by_hand_is_left_alone_and_what_is_empty_counts_as_unset(
    tmp_path: Path,
) -> None:
    given = {"SUBSCRIBER_AUTO_REGISTER": "0", "SUBSCRIBER_SHOP_URL": "", "SUBSCRIBER_PORT": ""}

    plan = Plan.read(settings(tmp_path), given)

    assert plan.environment["SUBSCRIBER_AUTO_REGISTER"] == "0"
    assert plan.environment["SUBSCRIBER_SHOP_URL"] == "http://127.0.0.1:8000"
    assert [application.port for application in plan.applications] == [8000, 8001]


def test_redis_is_run_first_unless_there_is_one(tmp_path: Path) -> None:
    own = Plan.read(settings(tmp_path), {})
    lent = Plan.read(settings(tmp_path, redis_url="redis://127.0.0.1"), {})

    assert [program.name for program in own.programs] == ["redis", "shop", "worker", "subscriber"]
    assert [program.name for program in lent.programs] == ["shop", "worker", "subscriber"]


def test_the_port_that_is_proposed_is_not_the_other_applications(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        plan = Plan.read(settings(tmp_path, port=taken), {"SUBSCRIBER_PORT": str(taken + 10)})

        with pytest.raises(StartError) as refusal:
            check_ports(plan)

    assert f"SHOP_PORT={taken + 10}" not in str(refusal.value)
