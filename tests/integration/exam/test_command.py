"""The command line of the exam, against receivers that are right or wrong in one way."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import psutil
import pytest

from hookshop.locations import program_environment
from shop.exam.command import main
from tests.demo import START_SECONDS, Demo, clean_environment, has_ended
from tests.integration.exam.small_receiver import SECRET, SmallReceiver, running_small_receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("speaks to the shop by HTTP")

MODULE = (sys.executable, "-P", "-m", "shop.exam")
MAX_SECONDS = 120
WHOSE = ("--secret-env", "WEBHOOK_SECRET")


@dataclass(frozen=True, slots=True)
class Examined:
    """What the exam said."""

    exit_code: int
    text: str
    cases: dict[str, dict[str, Any]]

    def named(self, verdict: str) -> set[str]:
        return {name for name, case in self.cases.items() if case["verdict"] == verdict}


@pytest.fixture
def receiver() -> Iterator[SmallReceiver]:
    with running_small_receiver() as receiver:
        yield receiver


@pytest.fixture
def environment() -> dict[str, str]:
    return program_environment(clean_environment()) | {"WEBHOOK_SECRET": SECRET}


@pytest.fixture
def examine(
    demo: Demo, receiver: SmallReceiver, environment: dict[str, str], tmp_path: Path
) -> Callable[..., Examined]:
    def examine(*options: str, url: str = "", whose: tuple[str, ...] = WHOSE) -> Examined:
        result = tmp_path / "result.json"
        given = (*whose, "--shop", demo.shop_url, "--json", str(result))
        done = subprocess.run(
            [*MODULE, url or receiver.url, *given, *options],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        cases = json.loads(result.read_text())["cases"] if result.exists() else []
        named = {case["name"]: case for case in cases}
        return Examined(done.returncode, done.stdout + done.stderr, named)

    return examine


Examine = Callable[..., Examined]


def test_a_right_receiver_passes_a_quick_exam(
    examine: Examine, receiver: SmallReceiver, tmp_path: Path
) -> None:
    junit, badge = tmp_path / "exam.xml", tmp_path / "badge.svg"

    examined = examine(
        *("--quick", "--probe", receiver.probe_url, "--require-effects", "--strict"),
        *("--junit", str(junit), "--badge", str(badge)),
    )

    assert examined.exit_code == 0, examined.text
    assert examined.named("passed") == set(examined.cases)
    assert len(examined.cases) > 40
    assert ET.parse(junit).find("testsuite") is not None
    assert "passed (effects, too)" in badge.read_text()
    assert "\x1b" not in examined.text  # no progress and no colors without a terminal


def test_deliveries_and_order_are_judged_with_a_probe(
    examine: Examine, receiver: SmallReceiver
) -> None:
    examined = examine("--only", "quick", "order", "trickle", "--probe", receiver.probe_url)

    assert examined.exit_code == 0, examined.text
    assert len(examined.named("passed")) == 5


def test_a_receiver_that_verifies_nothing_fails_what_it_must_reject(
    examine: Examine, receiver: SmallReceiver
) -> None:
    receiver.verifies = False

    examined = examine("--quick", "--only", "rejects", "accepts", "survives")

    assert examined.exit_code == 1
    assert {examined.cases[name]["group"] for name in examined.named("failed")} == {"rejects"}
    forged = examined.cases["body-bit"]
    assert forged["got"] == "204: accepted a forgery"
    assert "curl" in forged["sent"][0]
    assert forged["why"] in examined.text


def test_a_receiver_that_does_not_deduplicate_fails_what_must_happen_once(
    examine: Examine, receiver: SmallReceiver
) -> None:
    receiver.deduplicates = False

    examined = examine("--quick", "--skip", "rejects", "--probe", receiver.probe_url)

    assert examined.named("failed") == {"redelivery", "ten-at-once", "same-id-other-body"}
    assert "10 effects of msg_" in examined.cases["ten-at-once"]["got"]


def test_without_evidence_what_happens_once_is_not_judged(examine: Examine, tmp_path: Path) -> None:
    badge = tmp_path / "badge.svg"

    examined = examine("--only", "once", "as-sent", "--require-effects", "--badge", str(badge))

    assert examined.exit_code == 4
    assert examined.named("not judged") == {"redelivery", "ten-at-once", "same-id-other-body"}
    assert "add --probe URL" in examined.text
    assert "status only" in badge.read_text()


def test_effect_calls_are_evidence(examine: Examine, receiver: SmallReceiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        exam = f"127.0.0.1:{free.getsockname()[1]}"

    def call(message_id: str) -> None:
        httpx.post(f"http://{exam}/effects", json={"message_id": message_id}).raise_for_status()

    receiver.on_effect = call

    examined = examine("--only", "once", "--listen", exam)

    assert examined.exit_code == 0, examined.text
    assert len(examined.named("passed")) == 3
    assert "evidence: effect calls" in examined.text


def test_a_probe_command_is_evidence(
    examine: Examine, receiver: SmallReceiver, tmp_path: Path
) -> None:
    (tmp_path / "probe.py").write_text(
        "import sys, urllib.request\n"
        "print(urllib.request.urlopen(sys.argv[1] + sys.argv[2]).read().decode())"
    )
    command = f"{sys.executable} probe.py {receiver.probe_url}?"

    examined = examine("--only", "redelivery", "order", "--probe-cmd", command)

    assert examined.exit_code == 0, examined.text
    assert len(examined.named("passed")) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"times": 1}', "which was never sent"),
        (b"<html>", "did not answer with a JSON object"),
    ],
)
def test_a_probe_that_lies_is_found_out(
    examine: Examine, receiver: SmallReceiver, answer: bytes, words: str
) -> None:
    receiver.probe = answer

    examined = examine("--quick", "--probe", receiver.probe_url)

    assert examined.exit_code == 3
    assert words in examined.text


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, "the secret is probably not that of the receiver"),
        (308, {"Location": "/elsewhere"}, "redirects to /elsewhere"),
        (404, {"Content-Type": "text/html"}, "a web site"),
        (500, {}, "crashed on the first genuine delivery"),
    ],
)
def test_a_receiver_that_accepts_nothing_is_told_so_at_once(
    examine: Examine, receiver: SmallReceiver, status: int, headers: dict[str, str], words: str
) -> None:
    receiver.status, receiver.headers = status, headers

    examined = examine("--quick")

    assert examined.exit_code == 1
    assert words in examined.text
    assert examined.named("failed") == {"as-sent"}
    assert examined.named("error") == set(examined.cases) - {"as-sent"}


def test_a_response_with_410_ends_the_deliveries_of_the_shop_and_is_told(
    examine: Examine, receiver: SmallReceiver
) -> None:
    def be_gone(_message_id: str) -> None:
        receiver.status = 410 if len(receiver.seen) > 1 else None

    receiver.on_effect = be_gone

    examined = examine("--only", "redelivery", "still-works")

    assert examined.exit_code == 1
    assert examined.cases["redelivery"]["got"].startswith("410")
    assert "410" in examined.cases["still-works"]["got"]


def test_an_address_nobody_listens_at_is_told(examine: Examine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/hook"

    examined = examine(url=url)

    assert examined.exit_code == 3
    assert "Nobody listens at" in examined.text


def test_a_forbidden_address_gets_nothing(examine: Examine) -> None:
    examined = examine(url="http://169.254.169.254/latest")

    assert examined.exit_code == 3
    assert "not a public address" in examined.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "nothing"], "there is no case, group or mission 'nothing'"),
        (["--secret-env", "NOT_SET"], "NOT_SET is empty or not set"),
        (["--secret-file", "missing"], "cannot be read"),
        (["--secret-env", "HOME"], "whsec_ and 24 to 64 bytes"),
        ([], "say whose secret"),
        (["--register", "--only", "token-year"], "no case is left"),
        (["--register", "--junit", "no/such/folder/exam.xml"], "there is no folder"),
        (["--register", "--listen", "9000"], "expected HOST:PORT"),
    ],
)
def test_wrong_usage_is_one_sentence(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["http://127.0.0.1:9/hook", *options])

    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_receiver_can_register_itself(
    demo: Demo, receiver: SmallReceiver, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [*MODULE, receiver.url, "--register", "--shop", demo.shop_url, "--only", "body-bit"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as exam:
        assert exam.stderr
        address = exam.stderr.readline().split()[-1]
        registered = httpx.post(address, json={"webhook_url": receiver.url})
        receiver.secrets = [registered.json()["secret"]]
        output, _ = exam.communicate(timeout=MAX_SECONDS)

    assert registered.status_code == 201
    assert exam.returncode == 0, output
    assert "✓ passed     body-bit" in output


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for that of the Redis socket."""
    with tempfile.TemporaryDirectory(prefix="exam-") as folder:
        yield Path(folder)


def test_ctrl_c_leaves_the_scorecard_so_far_and_nothing_running(
    receiver: SmallReceiver, environment: dict[str, str], short_path: Path
) -> None:
    environment["TMPDIR"] = str(short_path)
    with subprocess.Popen(
        [*MODULE, receiver.url, *WHOSE, "--quick"],
        cwd=short_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as exam:
        wait_for(lambda: len(receiver.seen) >= 3, "some cases were played", 2 * START_SECONDS)
        started = psutil.Process(exam.pid).children(recursive=True)
        os.kill(exam.pid, signal.SIGINT)
        output, _ = exam.communicate(timeout=MAX_SECONDS)

    assert exam.returncode == 3
    assert "The exam was stopped" in output
    assert "✓ passed     as-sent" in output
    assert len(started) >= 4  # the demo and its processes
    wait_for(lambda: all(map(has_ended, started)), "everything has ended")
    assert not list(short_path.iterdir())
