"""The demo that tests run against: one of their own, or one that is already running."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hookshop import __version__
from hookshop.locations import program_environment, python_command
from hookshop.testing.http_client import ApiClient, HookshopError

START_SECONDS = 180.0  # a very busy machine may need them
STOP_SECONDS = 15.0
SHOWN_LINES = 40  # of a log
SHOP, SUBSCRIBER = "Hookshop: the shop", "Hookshop: the subscriber"


class ServerError(HookshopError):
    """There is no demo to test against. The message says why."""


@dataclass(frozen=True, slots=True)
class HookshopServer:
    """A running demo.

    ``shop_token``, ``subscriber_token``: the admin tokens; None where everything is open. ``log``:
    the file with its output; None if it was already running.
    """

    shop_url: str
    subscriber_url: str
    shop_token: str | None = None
    subscriber_token: str | None = None
    log: str | None = None

    @classmethod
    def from_json(cls, text: str) -> "HookshopServer":
        """Return the server that ``to_json`` wrote, in another process."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    def why_it_is_gone(self) -> str | None:
        """Return the reason with the last lines of the log; None if both applications respond."""
        try:
            for url in (self.shop_url, self.subscriber_url):
                ApiClient(url).get("/healthz")
        except HookshopError as error:
            return f"{error}\n{last_lines(self.log)}" if self.log else str(error)
        return None


def connect(
    shop_url: str,
    subscriber_url: str | None = None,
    *,
    shop_token: str | None = None,
    subscriber_token: str | None = None,
) -> HookshopServer:
    """Return a demo that is already running. Raise ``ServerError`` if there is none.

    ``subscriber_url``: by default the port after the shop's, as ``hookshop demo`` has it.
    """
    _check_url(shop_url)
    _check_application(shop_url, SHOP, "--hookshop-url")
    subscriber_url = subscriber_url or _next_port(shop_url)
    _check_url(subscriber_url)
    _check_application(subscriber_url, SUBSCRIBER, "--hookshop-subscriber-url")
    return HookshopServer(
        shop_url.rstrip("/"), subscriber_url.rstrip("/"), shop_token, subscriber_token
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        is_url = False
    if not is_url:
        raise ServerError(f"{url!r} is not a URL of a demo, such as http://127.0.0.1:8000")


def _check_application(url: str, wanted: str, option: str) -> None:
    try:
        health = ApiClient(url).get("/healthz")
    except HookshopError as error:
        raise ServerError(
            f"{option}: {error}. Start a demo with `hookshop demo`, or leave out --hookshop-url: "
            "then the tests start one."
        ) from error
    if (found := health.get("application")) != wanted:
        raise ServerError(f"{option}: {url} is {found or 'no Hookshop'!r}, not {wanted!r}.")
    if (version := health.get("version")) != __version__:
        raise ServerError(
            f"{option}: {url} is Hookshop {version}, but this test kit is {__version__}. "
            "Install the same version on both sides."
        )


def _next_port(shop_url: str) -> str:
    parts = urlsplit(shop_url)
    if parts.port is None:
        raise ServerError("--hookshop-subscriber-url is needed: the URL of the shop has no port.")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port + 1}"


class DemoProcess:
    """A demo of one's own on free ports, in a temporary folder. It starts at the first ``get``.

    ``options``: further ones of ``hookshop demo``. ``environment``: its variables, by default those
    of this process. The demo also stops if this process is killed, because it notices that nobody
    reads its output.
    """

    def __init__(
        self, options: Sequence[str] = (), environment: Mapping[str, str] = os.environ
    ) -> None:
        self.environment = environment
        self._options = options
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None
        self._server: HookshopServer | None = None
        self._failure: ServerError | None = None
        self._is_stopped = False

    def get(self) -> HookshopServer:
        """Return the demo, started when it is needed first. Raise ``ServerError`` if it cannot."""
        with self._lock:
            if self._failure:
                raise self._failure
            if self._server is None:
                try:
                    self._server = self._start()
                except ServerError as error:
                    self._failure = error
                    raise
            return self._server

    def stop(self) -> None:
        """Stop the demo, and delete its folder."""
        self._is_stopped = True
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process = self._folder = None

    def _start(self) -> HookshopServer:
        if self._is_stopped:
            raise ServerError("The tests have ended.")
        # Not a folder of pytest: its path may be too long for a socket.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="hookshop-"))
        log = folder / "demo.log"
        command = [*python_command("hookshop"), "demo", "--json", "--var", str(folder / "var")]
        free_ports = ["--shop-port", "0", "--subscriber-port", "0"]
        with log.open("w") as output:
            self._process = process = subprocess.Popen(  # noqa: S603 – our own command
                [*command, *free_ports, *self._options],
                env=program_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,  # Ctrl-C is for the tests, which stop the demo at their end
            )
        line = _first_line(process)
        if not line:
            code = process.poll()
            what = "did not start in time" if code is None else f"ended with exit code {code}"
            self._stop_after_failure()
            raise ServerError(f"The demo {what}.\n{last_lines(str(log))}")
        announced = json.loads(line)
        return HookshopServer(
            announced["shop_url"],
            announced["subscriber_url"],
            self.environment.get("SHOP_ADMIN_TOKEN"),
            self.environment.get("SUBSCRIBER_ADMIN_TOKEN"),
            str(log),
        )

    def _stop_after_failure(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process and self._process.poll() is None:
                self._process.terminate()


def _first_line(process: subprocess.Popen[str]) -> str:
    """Return the line that announces the demo; "" if it ends without, or takes too long."""
    if process.stdout is None:
        return ""
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line and ready:
        process.wait(STOP_SECONDS)  # it has closed its output, so it is ending
    return line


def last_lines(log: str | None) -> str:
    """Return the last lines of a log file."""
    if log is None:
        return ""
    try:
        lines = Path(log).read_text(errors="replace").splitlines()
    except OSError as error:
        return f"Its log cannot be read: {error}"
    return "\n".join(["The last lines of its log:", *lines[-SHOWN_LINES:]])
