"""Examines a receiver of this folder with the command that people use."""

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shop.webhooks.rules.signing import generate_secret
from subscriber_app.config import RECEIVER_PATH
from tests.demo import ROOT, free_ports
from tests.receivers.running import command_of, environment_of

OUR_SUBSCRIBER = "our_subscriber"
STOCK = "stock"
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
    command = command_of(receiver)
    url = f"http://127.0.0.1:{port}"
    if receiver == OUR_SUBSCRIBER:
        url, whose = url + RECEIVER_PATH, ["--register"]
        probe = ["--probe-cmd", shlex.join(command)]
    else:
        url, whose = url + "/hook", ["--secret-env", "WEBHOOK_SECRET"]
        probe = ["--probe", url.replace("/hook", "/probe")]
    if not has_probe:
        probe = []
    with tempfile.TemporaryDirectory(prefix="exam-") as folder:
        result = Path(folder, "result.json")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "shop.exam", url, *whose, *probe, *options),
                *("--run", shlex.join(command), "--json", str(result)),
            ],
            cwd=ROOT,
            env=environment_of(Path(folder), port, generate_secret()),
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert result.exists(), output
        return Examined(done.returncode, json.loads(result.read_text()), output)
