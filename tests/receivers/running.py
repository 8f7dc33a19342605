"""Starts a receiver of this folder as a process on a free port."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.demo import ROOT, clean_environment, free_ports
from tests.waiting import wait_for

FOLDER = ROOT / "tests" / "receivers"
NODE_MODULES = ROOT / "tests" / "node" / "node_modules"
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver that serves. ``url``: of its hook. ``log``: the file with its output."""

    name: str
    url: str
    secret: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def probe_url(self) -> str:
        return self.url.replace("/hook", "/probe")


def command_of(name: str) -> list[str]:
    """Return the command that starts the receiver: ``right/…``, ``wrong/…`` or ``stock``."""
    if (FOLDER / f"{name}.py").exists():
        return [sys.executable, "-m", f"tests.receivers.{name.replace('/', '.')}"]
    [program] = FOLDER.glob(f"{name}.*js")
    return ["node", str(program)]


def why_not(name: str) -> str | None:
    """Return why this receiver cannot start here, or None."""
    if command_of(name)[0] != "node":
        return None
    if not shutil.which("node"):
        return "node is not installed here"
    if name == "right/node_library" and not (NODE_MODULES / "standardwebhooks").exists():
        return "standardwebhooks is not installed here: make ready-to-test"
    return None


def environment_of(folder: Path, port: int, secret: str) -> dict[str, str]:
    """Return the environment of a receiver that keeps its data in this folder."""
    return clean_environment() | {
        "PORT": str(port),
        "WEBHOOK_SECRET": secret,
        "DATABASE": str(folder / "receiver.data"),
        "NODE_PATH": str(NODE_MODULES),
    }


@contextmanager
def running(name: str, secret: str, *, port: int = 0) -> Iterator[Receiver]:
    """Run the receiver until the block ends. It starts without any message.

    ``port``: 0 for any that is free.
    """
    port = port or free_ports(1)[0]
    with tempfile.TemporaryDirectory(prefix="receiver-") as temporary:
        folder = Path(temporary)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command_of(name),
                cwd=ROOT,
                env=environment_of(folder, port, secret),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            receiver = Receiver(
                name, f"http://127.0.0.1:{port}/hook", secret, process, folder / "log"
            )
            wait_for(lambda: is_listening(receiver, port), f"{name} listens")
            yield receiver
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def is_listening(receiver: Receiver, port: int) -> bool:
    assert receiver.process.poll() is None, receiver.log.read_text()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
