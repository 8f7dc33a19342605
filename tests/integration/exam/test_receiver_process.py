"""The receiver as a process of the exam: started, killed with all that it started, explained."""

import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from shop.exam import receiver_process
from shop.exam.receiver_process import ReceiverFailed, ReceiverProcess
from shop.exam.sender import Sender
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.demo import free_ports, has_ended
from tests.integration.exam.small_receiver import running_small_receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("starts processes alone")

LISTENING = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("facts", "a").write(f"{os.environ.get('WEBHOOK_SECRET')} {child.pid}\\n")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""  # noqa: E501 – a program

Make = Callable[[str], ReceiverProcess]


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
async def make(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    monkeypatch.chdir(tmp_path)
    made: list[ReceiverProcess] = []

    def make(program: str) -> ReceiverProcess:
        made.append(
            ReceiverProcess(
                shlex.join([sys.executable, "-c", program, str(port)]),
                url=f"http://127.0.0.1:{port}/hook",
                sender=Sender(UrlPolicy()),
                environment=os.environ | {"WEBHOOK_SECRET": "the first"},
                secret_variable="WEBHOOK_SECRET",
            )
        )
        return made[-1]

    yield make
    for each in made:
        await each.stop()


async def test_a_kill_ends_the_receiver_and_all_that_it_started(make: Make, tmp_path: Path) -> None:
    process = make(LISTENING)
    await process.start()
    child = psutil.Process(int((tmp_path / "facts").read_text().split()[-1]))

    await process.kill()

    wait_for(lambda: has_ended(child), "the child of the receiver has ended")


async def test_a_restart_can_give_it_another_secret(make: Make, tmp_path: Path) -> None:
    process = make(LISTENING)
    await process.start()
    await process.restart(secret="the second")
    await process.restart()

    starts = (tmp_path / "facts").read_text().splitlines()
    assert [each.rpartition(" ")[0] for each in starts] == ["the first", *["the second"] * 2]


async def test_a_command_that_ends_is_shown_with_its_output(make: Make) -> None:
    with pytest.raises(ReceiverFailed, match="exit code 3: no such table"):
        await make("print('no such table', flush=True); raise SystemExit(3)").start()


async def test_a_command_that_never_listens_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_process, "MAX_START_SECONDS", 0.3)

    with pytest.raises(ReceiverFailed, match="does not listen at"):
        await make("import time; time.sleep(600)").start()


async def test_a_command_that_does_not_exist_is_named() -> None:
    process = ReceiverProcess(
        "no-such-command",
        url=f"http://127.0.0.1:{free_ports(1)[0]}/",
        sender=Sender(UrlPolicy()),
        environment={},
    )
    with pytest.raises(ReceiverFailed, match="no-such-command"):
        await process.start()
    await process.stop()


async def test_another_program_at_the_address_is_not_examined() -> None:
    with running_small_receiver() as other:
        process = ReceiverProcess(
            "true", url=other.url, sender=Sender(UrlPolicy()), environment=os.environ
        )
        with pytest.raises(ReceiverFailed, match="another program listens"):
            await process.start()
        await process.stop()
