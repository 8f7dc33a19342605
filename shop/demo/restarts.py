"""What becomes of a program whose process ended; circus calls the hooks, ``supervisor`` asks.

circus starts an ended process again at its next look, however often that happens. Here the start
is put off when a program ends again and again, so that nothing spins.
"""

import asyncio
import signal
from typing import Any, Literal

from shop.demo.console import Console

QUICK_SECONDS = 5.0  # a process that lived shorter than this achieved nothing
PAUSES = (0.0, 1.0, 2.0, 5.0)  # seconds before the restart after the 1st, 2nd, … quick end
HOPELESS = 3  # quick ends in a row
WRONG_SETTING = 2  # exit code of a program that cannot be run as it is set up


class Restarts:
    """The ends of one program's processes."""

    def __init__(self, name: str, console: Console) -> None:
        self.name = name
        self._console = console
        self._quick_ends = 0
        self._is_set_up_wrong = False
        self._started_at = 0.0

    @property
    def hopeless(self) -> bool:
        """Whether the program said that it cannot run, or ended at once too often to hope."""
        return self._is_set_up_wrong or self._quick_ends >= HOPELESS

    def spawned(self, **_: Any) -> Literal[True]:
        """Hook of circus, called after each start; True lets the process live."""
        self._started_at = asyncio.get_running_loop().time()
        return True

    def ended(self, *, watcher: Any, exit_code: int, **_: Any) -> None:
        """Hook of circus, called after each end. ``exit_code``: negative for a signal's number."""
        for output in (watcher.stdout_stream, watcher.stderr_stream):
            output.close()
        if watcher.is_stopping():
            return
        self._is_set_up_wrong = exit_code == WRONG_SETTING
        loop = asyncio.get_running_loop()
        lived = loop.time() - self._started_at
        self._quick_ends = self._quick_ends + 1 if lived < QUICK_SECONDS else 0
        pause = PAUSES[min(max(self._quick_ends, 1), len(PAUSES)) - 1]
        what_now = "its line above says why" if self._is_set_up_wrong else _when(pause)
        self._console.say(f"{self.name} {_cause(exit_code)}; {what_now}")
        if pause:
            # circus starts what is missing; as long as no process is wanted, none is missing.
            watcher.numprocesses = 0
            loop.call_later(pause, setattr, watcher, "numprocesses", 1)


def _cause(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


def _when(pause: float) -> str:
    return f"starting it again in {pause:.0f} s" if pause else "starting it again"
