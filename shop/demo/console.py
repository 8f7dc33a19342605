"""Standard output of the demo: whole lines, each labelled with the process that wrote it.

``supervisor`` gives circus one ``LabelledLines`` for each output of each process; what the demo
itself has to say goes through ``Console.say`` and ``Console.banner``.
"""

import os
import select
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

LABEL_WIDTH = 10  # len("subscriber")
COLOURS = {"redis": 35, "shop": 32, "worker": 33, "subscriber": 36, "demo": 1}  # SGR codes


class Console:
    """Writes lines to ``out``; with colours when that is a terminal and NO_COLOR is not set."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._gone = False
        self._colourful = out.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str, label: str = "demo") -> None:
        """Write one labelled line."""
        head = f"{label:<{LABEL_WIDTH}} |"
        if self._colourful:
            head = f"\x1b[{COLOURS[label]}m{head}\x1b[0m"
        self._write(f"{head} {text}\n")

    def banner(self, addresses: Mapping[str, str]) -> None:
        """Write where the applications are, apart from the lines around it."""
        rows = "".join(f"    {name:<{LABEL_WIDTH}}  {url}\n" for name, url in addresses.items())
        self._write(f"\n{rows}\n    Ctrl-C stops everything.\n\n")

    def is_gone(self) -> bool:
        """Whether the terminal was closed, or whoever read the pipe has ended."""
        if self._gone:
            return True
        poller = select.poll()
        poller.register(self._out.fileno(), 0)  # hang-ups and errors are reported unasked
        # macOS cannot poll a terminal, and says POLLNVAL: that tells nothing.
        return any(events & (select.POLLHUP | select.POLLERR) for _, events in poller.poll(0))

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # Nobody reads any more. That must not keep the demo from stopping its processes, so
            # from here on everything goes nowhere.
            self._gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())


class LabelledLines:
    """One output of one process: collects the pieces that circus reads, passes on whole lines."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._rest = b""

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Take a piece, ``data["data"]``: any bytes, cut anywhere, even inside a character."""
        *lines, self._rest = (self._rest + data["data"]).split(b"\n")
        self._say(lines)

    def close(self) -> None:
        """Pass on a last line that never got its end."""
        if self._rest:
            self._say([self._rest])
            self._rest = b""

    def _say(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._console.say(line.decode(errors="replace").rstrip("\r"), self._label)
