"""The receiver as a process that the exam starts, kills and restarts (``--run``)."""

import asyncio
import os
import shlex
import signal
import tempfile
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress

from shop.exam.sender import Sender

MAX_START_SECONDS = 20.0
POLL_SECONDS = 0.02
STOP_GRACE_SECONDS = 3.0
MAX_SHOWN_BYTES = 1000  # of its output


class ReceiverFailed(Exception):  # noqa: N818 – the name says what happened
    """The receiver does not start. The message is a sentence for people."""


class ReceiverProcess:
    """A command in a process group of its own. ``url``: where it listens once it has started.

    ``secret_variable``: the environment variable from which it reads its secret, or empty.
    """

    def __init__(
        self,
        command: str,
        *,
        url: str,
        sender: Sender,
        environment: Mapping[str, str],
        secret_variable: str = "",
    ) -> None:
        self._words = shlex.split(command)
        self._url = url
        self._sender = sender
        self._environment = dict(environment)
        self._secret_variable = secret_variable
        self._process: Process | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 – open as long as the object

    @property
    def takes_secrets(self) -> bool:
        """Whether a restart can give it another secret."""
        return bool(self._secret_variable)

    async def start(self) -> None:
        """Start it and wait until it listens. Raise ``ReceiverFailed``."""
        if await self._sender.is_listening(self._url) is None:
            raise ReceiverFailed(
                f"another program listens at {self._url}; with --run, the exam starts the receiver"
            )
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._words,
                env=self._environment,
                stdin=DEVNULL,
                stdout=self._output,
                stderr=STDOUT,
                process_group=0,
            )
        except OSError as error:
            raise ReceiverFailed(f"the command of --run does not start: {error}") from error
        await self._wait_until_it_listens(self._process)

    async def restart(self, *, secret: str | None = None) -> None:
        """Kill it and start it again. ``secret``: what its variable holds from now on."""
        await self.kill()
        if secret is not None:
            self._environment[self._secret_variable] = secret
        await self.start()

    async def kill(self) -> None:
        """Kill it and all that it started, with SIGKILL."""
        if self._process:
            self._signal(self._process, signal.SIGKILL)
            await self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """End it and all that it started: with SIGTERM, then with SIGKILL."""
        if self._process:
            self._signal(self._process, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_GRACE_SECONDS)
            await self.kill()
        self._output.close()

    @staticmethod
    def _signal(process: Process, number: signal.Signals) -> None:
        # macOS answers EPERM for a group whose processes have all ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)

    async def _wait_until_it_listens(self, process: Process) -> None:
        deadline = time.monotonic() + MAX_START_SECONDS
        while await self._sender.is_listening(self._url) is not None:
            if process.returncode is not None:
                raise ReceiverFailed(
                    f"the command of --run ended with exit code {process.returncode}: "
                    f"{self._shown_output()}"
                )
            if time.monotonic() > deadline:
                raise ReceiverFailed(
                    f"the command of --run does not listen at {self._url} after "
                    f"{MAX_START_SECONDS:g} s: {self._shown_output()}"
                )
            await asyncio.sleep(POLL_SECONDS)

    def _shown_output(self) -> str:
        """Return the last lines that it wrote."""
        self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, self._output.tell() - MAX_SHOWN_BYTES))
        return self._output.read().decode(errors="replace").strip() or "it wrote nothing"
