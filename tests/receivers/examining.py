"""Examines a receiver of this folder with the command that people use."""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookshop.locations import program_environment
from shop.webhooks.rules.signing import generate_secret
from subscriber_app.config import RECEIVER_PATH
from tests.demo import ROOT, clean_environment, free_ports
from tests.receivers.running import Receiver, command_of, environment_of
from tests.receivers.steps import Step, environment_of_step

OUR_SUBSCRIBER = "our_subscriber"
STOCK = "stock"
WITH_SECRET = ["--secret-env", "WEBHOOK_SECRET"]
MAX_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Examined:
    """What the exam said. ``exit_code`` and ``document``: see docs/exam.md."""

    exit_code: int
    document: dict[str, Any]
    output: str

    def names(self, *verdicts: str) -> set[str]:
        """Return the names of the cases with one of these verdicts."""
        cases = self.document["cases"]
        return {case["name"] for case in cases if case["verdict"] in verdicts}


def examine(receiver: str, *options: str, has_probe: bool = True) -> Examined:
    """Let the exam start the receiver and examine it. ``options``: of the command."""
    [port] = free_ports(1)
    command = shlex.join(command_of(receiver))
    url = f"http://127.0.0.1:{port}"
    if receiver == OUR_SUBSCRIBER:
        url, whose, probe = url + RECEIVER_PATH, ["--register"], ["--probe-cmd", command]
    else:
        url, whose, probe = url + "/hook", WITH_SECRET, ["--probe", url + "/probe"]
    with tempfile.TemporaryDirectory(prefix="exam-") as folder:
        environment = environment_of(Path(folder), port, generate_secret())
        how = [*whose, "--run", command, *(probe if has_probe else [])]
        return _run([url, *how, *options], environment, Path(folder))


def examine_step(step: Step, *options: str) -> Examined:
    """Let the exam start a receiver of docs/teaching in an empty folder, and examine it."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    how = [*WITH_SECRET, "--run", shlex.join(step.command), "--probe", url + "/effects"]
    environment = program_environment(environment_of_step(port, generate_secret()))
    with tempfile.TemporaryDirectory(prefix="exam-") as folder:
        return _run([url + "/hook", *how, *options], environment, Path(folder), cwd=Path(folder))


def examine_running(receiver: Receiver, *options: str) -> Examined:
    """Examine a receiver that runs already, without a probe."""
    environment = clean_environment() | {"WEBHOOK_SECRET": receiver.secret}
    with tempfile.TemporaryDirectory(prefix="exam-") as folder:
        return _run([receiver.url, *WITH_SECRET, *options], environment, Path(folder))


def _run(
    arguments: Sequence[str], environment: dict[str, str], folder: Path, cwd: Path = ROOT
) -> Examined:
    result = folder / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", "shop.exam", *arguments, "--json", str(result)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    output = done.stdout + done.stderr
    assert result.exists(), output
    return Examined(done.returncode, json.loads(result.read_text()), output)
