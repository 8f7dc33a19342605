"""Runs one program: starts it, labels its output, and restarts it when it exits."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress

from hookshop.demo.console import Console, LabeledLines
from hookshop.demo.plan import Program, StartError
from hookshop.locations import python_command

MIN_UPTIME_SECONDS = 5.0  # a process that ran for less time exited early
RESTART_DELAYS_SECONDS = (0.0, 1.0, 2.0, 5.0)  # after the 1st, 2nd, … early exit in a row
MAX_EARLY_EXITS = 3  # in a row; after these, a program counts as unable to start
WRONG_SETTING_EXIT_CODE = 2  # of a program that cannot run with its settings
STOP_GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL
CHUNK_BYTES = 65_536


class RestartPolicy:
    """Decides when to restart a program that exited, with growing delays."""

    def __init__(self) -> None:
        self._early_exits = 0
        self._has_wrong_setting = False

    @property
    def should_give_up(self) -> bool:
        """Whether a setting is wrong, or the last ``MAX_EARLY_EXITS`` runs all exited early."""
        return self._has_wrong_setting or self._early_exits >= MAX_EARLY_EXITS

    def delay_after(self, exit_code: int, uptime_seconds: float) -> float:
        """Return the seconds to wait before the restart. Call it once for each exit."""
        self._has_wrong_setting = exit_code == WRONG_SETTING_EXIT_CODE
        self._early_exits = self._early_exits + 1 if uptime_seconds < MIN_UPTIME_SECONDS else 0
        if self._has_wrong_setting:
            return RESTART_DELAYS_SECONDS[-1]
        position = min(max(self._early_exits, 1), len(RESTART_DELAYS_SECONDS))
        return RESTART_DELAYS_SECONDS[position - 1]


def describe_exit(exit_code: int, delay_seconds: float) -> str:
    """Return a log line on the exit and the restart. A negative ``exit_code`` is a signal."""
    if exit_code < 0:
        cause = f"was killed by {signal.Signals(-exit_code).name}"
    else:
        cause = f"ended with exit code {exit_code}"
    if exit_code == WRONG_SETTING_EXIT_CODE:
        cause += " (its line above says why)"
    return f"{cause}; restarting" + (f" in {delay_seconds:.0f} s" if delay_seconds else "")


class ProgramRunner:
    """One program and its current process. ``serving`` is set once both applications serve."""

    def __init__(
        self,
        program: Program,
        environment: Mapping[str, str],
        console: Console,
        serving: asyncio.Event,
    ) -> None:
        self._program = program
        self._environment = environment
        self._console = console
        self._serving = serving
        self._process: Process | None = None

    def kill(self) -> None:
        """Kill the current process; ``keep_running`` starts the next one."""
        if self._process and self._process.returncode is None:
            _kill_group(self._process)

    async def keep_running(self) -> None:
        """Run the program until this task is canceled; then stop it.

        Raise ``StartError`` if the program keeps exiting before both applications serve.
        """
        name = self._program.name
        restarts = RestartPolicy()
        while True:
            started_at = asyncio.get_running_loop().time()
            exit_code = await self._run_once()
            uptime_seconds = asyncio.get_running_loop().time() - started_at
            pause = restarts.delay_after(exit_code, uptime_seconds)
            if restarts.should_give_up and not self._serving.is_set():
                raise StartError(f"{name} does not start; its lines above say why")
            self._console.say(f"{name} {describe_exit(exit_code, pause)}")
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        """Run one process and return its exit code. Kill everything that it started."""
        process = self._process = await self._start()
        relaying = asyncio.create_task(self._relay_lines(process))
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await self._stop(process)
            raise
        finally:
            _kill_group(process)
            await relaying

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *_parent_death_prefix(),
            *python_command(self._program.module),
            env=self._environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,  # Ctrl-C reaches only the demo, which stops the programs in order
        )

    async def _relay_lines(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 – it is a pipe
        lines = LabeledLines(self._console, self._program.name)
        while chunk := await process.stdout.read(CHUNK_BYTES):
            lines.feed(chunk)
        lines.close()

    async def _stop(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_SECONDS)
        except TimeoutError:
            self._console.say(f"{self._program.name} did not stop in time; killing it")
            _kill_group(process)
            await process.wait()


def _parent_death_prefix() -> list[str]:
    """Return the prefix of a command that the kernel is to stop when the demo is killed.

    Empty without setpriv (util-linux), as on macOS: it matters only when SIGKILL ends the demo.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _kill_group(process: Process) -> None:
    """Kill the process, if it still runs, and everything that it started."""
    # macOS answers EPERM for a group whose processes have all ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
