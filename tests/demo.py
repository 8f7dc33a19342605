"""The whole demo as real processes, with its own ports and folder."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
OFFLINE = ROOT / "tests" / "offline"
COMMAND = (sys.executable, "-m", "hookshop.demo")
BANNER = "Ctrl-C stops everything."
# Short enough to wait for, long enough to see; and enough retries for a test that is slow to repair
# the receiver.
SCHEDULE = "0" + ",2" * 8
START_SECONDS = 180.0  # a very busy machine may need them
STOP_SECONDS = 60.0
# Below the range of ephemeral ports: an outgoing connection could take the port of a process that
# is being restarted.
PORTS = range(20_000, 30_000)
# Settings from the environment of the tests, and variables that make passes to a nested make.
FOREIGN = ("HOOKSHOP_", "SHOP_", "SUBSCRIBER_", "MAKE", "MFLAGS")


@dataclass(slots=True)
class Demo:
    """A started demo. ``log``: the file with its output."""

    process: subprocess.Popen[bytes]
    settings: dict[str, str]
    log: Path
    seen: set[psutil.Process] = field(default_factory=set)

    @property
    def var(self) -> Path:
        return Path(self.settings["HOOKSHOP_VAR"])

    @property
    def ports(self) -> tuple[int, int]:
        return int(self.settings["SHOP_PORT"]), int(self.settings["SUBSCRIBER_PORT"])

    @property
    def shop_url(self) -> str:
        return self.settings.get("SHOP_PUBLIC_URL") or f"http://127.0.0.1:{self.ports[0]}"

    @property
    def subscriber_url(self) -> str:
        return self.settings.get("SUBSCRIBER_PUBLIC_URL") or f"http://127.0.0.1:{self.ports[1]}"

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        """Wait until both applications serve and the subscriber has its secret."""
        wait_for(lambda: self.has_ended() or self._is_ready(), "the demo serves", START_SECONDS)
        assert not self.has_ended(), f"the demo has ended:\n{self.output()}"

    def _is_ready(self) -> bool:
        output = self.output()
        return BANNER in output and "Subscribed as" in output

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def processes(self) -> set[psutil.Process]:
        """Return all running processes, from make or Python downward."""
        try:
            first = psutil.Process(self.process.pid)
            running = {first, *first.children(recursive=True)}
        except psutil.NoSuchProcess:
            running = set()
        self.seen |= running
        return running

    def find(self, program: str) -> psutil.Process | None:
        """Return the process ``redis``, ``shop``, ``worker`` or ``subscriber``, after its exec."""
        return next((each for each in self.processes() if _program(each) == program), None)

    def wait_for(self, program: str, *, other_than: psutil.Process | None = None) -> psutil.Process:
        def found() -> psutil.Process | None:
            process = self.find(program)
            return process if process != other_than else None

        return wait_for(found, f"{program} runs")

    def kill(self, program: str) -> psutil.Process:
        """Kill the process with SIGKILL, and return it."""
        process = self.wait_for(program)
        process.kill()
        return process

    def refusal(self) -> str:
        """Return the one line that a demo prints if it cannot start."""
        code = self.process.wait(timeout=STOP_SECONDS)
        assert code == 2, self.output()
        (line,) = self.output().splitlines()
        return line

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.processes()
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_SECONDS)


@contextmanager
def running_demo(*, command: Sequence[str] = COMMAND, **settings: str) -> Iterator[Demo]:
    """Start a demo and wait until it is ready. Kill the processes that the block leaves."""
    with started_demo(command=command, **settings) as demo:
        demo.wait_until_ready()
        demo.processes()
        yield demo


@contextmanager
def started_demo(*, command: Sequence[str] = COMMAND, **settings: str) -> Iterator[Demo]:
    """Start a demo without waiting. ``settings``: environment variables."""
    with ExitStack() as cleaning:
        # Not pytest's tmp_path, which is too long for the path of a socket.
        folder = Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix="hookshop-")))
        shop_port, subscriber_port = free_ports(2)
        own = {
            "HOOKSHOP_VAR": str(folder / "var"),
            "SHOP_PORT": str(shop_port),
            "SUBSCRIBER_PORT": str(subscriber_port),
        }
        log = cleaning.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment() | own | settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a test can send it Ctrl-C alone
        )
        demo = Demo(process, own | settings, folder / "log")
        cleaning.callback(_end, demo)
        yield demo


def clean_environment() -> dict[str, str]:
    """Return the environment of the tests without Hookshop's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def settings_for_tests() -> dict[str, str]:
    """Return the environment of the demo that tests share by the fixture ``hookshop_server``.

    The demo is without the internet: see ``offline/sitecustomize``.
    """
    return clean_environment() | {"SHOP_RETRY_SCHEDULE": SCHEDULE, "PYTHONPATH": str(OFFLINE)}


def free_ports(count: int) -> list[int]:
    """Return unused ports."""
    candidates = random.sample(PORTS, 100 * count)
    return [port for port in candidates if is_free(port)][:count]


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def has_ended(process: psutil.Process) -> bool:
    """Return whether the process has ended; a zombie counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _program(process: psutil.Process) -> str:
    modules = {
        "shop": "shop",
        "shop.worker": "worker",
        "subscriber_app": "subscriber",
    }
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if any("redis-server" in word or "valkey-server" in word for word in words[:1]):
        return "redis"
    # Before its exec, a process is a setpriv with the same arguments after its own.
    is_python = words[1:3] == ["-P", "-m"]
    return modules.get(words[3], "") if is_python and len(words) > 3 else ""


def _end(demo: Demo) -> None:
    demo.processes()
    if not demo.has_ended():
        demo.process.terminate()
        try:
            demo.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            demo.process.kill()
            demo.process.wait()
    for process in demo.seen:
        if not has_ended(process):
            process.kill()
