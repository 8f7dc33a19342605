"""Keeps one program running: starts it, labels its lines, and restarts it when it ends."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress

from hookshop.demo.console import Console, LabeledLines
from hookshop.demo.plan import PROJECT, Program, StartError

QUICK_SECONDS = 5.0  # a process that lived shorter than this achieved nothing
PAUSES_SECONDS = (0.0, 1.0, 2.0, 5.0)  # before the restart after the 1st, 2nd, … quick end
MAX_QUICK_ENDS = 3  # in a row, before the program counts as one that does not start
WRONG_SETTING = 2  # exit code of a program that cannot run with its settings
GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL
PIECE_BYTES = 65_536


class Restarts:
    """Decides when a program that ends is started again, so that nothing spins."""

    def __init__(self) -> None:
        self._quick_ends = 0
        self._has_wrong_setting = False

    @property
    def is_hopeless(self) -> bool:
        """Whether the program said that it cannot run, or ended too early too often in a row."""
        return self._has_wrong_setting or self._quick_ends >= MAX_QUICK_ENDS

    def pause_after(self, exit_code: int, lived_seconds: float) -> float:
        """Return the seconds to wait before the restart. Call it once for each end."""
        self._has_wrong_setting = exit_code == WRONG_SETTING
        self._quick_ends = self._quick_ends + 1 if lived_seconds < QUICK_SECONDS else 0
        if self._has_wrong_setting:
            return PAUSES_SECONDS[-1]
        return PAUSES_SECONDS[min(max(self._quick_ends, 1), len(PAUSES_SECONDS)) - 1]


def describe_end(exit_code: int, pause_seconds: float) -> str:
    """Return what happened and what follows. A negative ``exit_code`` is a signal's number."""
    if exit_code < 0:
        cause = f"was killed by {signal.Signals(-exit_code).name}"
    else:
        cause = f"ended with exit code {exit_code}"
    if exit_code == WRONG_SETTING:
        cause += " (its line above says why)"
    return f"{cause}; restarting" + (f" in {pause_seconds:.0f} s" if pause_seconds else "")


class Keeper:
    """One program and its current process. ``serving`` is set once the demo has started up."""

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

    async def keep_running(self) -> None:
        """Run the program until this task is canceled; then stop it.

        Raise ``StartError`` if the program ends again and again before the demo serves.
        """
        name = self._program.name
        restarts = Restarts()
        while True:
            started_at = asyncio.get_running_loop().time()
            exit_code = await self._run_once()
            lived_seconds = asyncio.get_running_loop().time() - started_at
            pause = restarts.pause_after(exit_code, lived_seconds)
            if restarts.is_hopeless and not self._serving.is_set():
                raise StartError(f"{name} does not start; its lines above say why")
            self._console.say(f"{name} {describe_end(exit_code, pause)}")
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        """Return the exit code of one process; leave nothing of it behind."""
        process = await self._start()
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
            *_tied_to_this_process(),
            *(sys.executable, "-m", self._program.module),
            cwd=PROJECT,
            env=self._environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,  # Ctrl-C in a terminal reaches the demo alone: it stops all in order
        )

    async def _relay_lines(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 – it is a pipe
        lines = LabeledLines(self._console, self._program.name)
        while piece := await process.stdout.read(PIECE_BYTES):
            lines.feed(piece)
        lines.close()

    async def _stop(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        except TimeoutError:
            self._console.say(f"{self._program.name} did not stop in time; killing it")
            _kill_group(process)
            await process.wait()


def _tied_to_this_process() -> list[str]:
    """Return a prefix that has the kernel stop a program when the demo is killed.

    Empty without setpriv (util-linux), as on macOS: only a demo killed by SIGKILL needs it.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _kill_group(process: Process) -> None:
    """Kill the process, if it still runs, and everything that it has started."""
    # macOS answers EPERM for a group whose processes have all ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
