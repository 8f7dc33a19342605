"""Standard output of the demo: whole lines, each labeled with the process that wrote it."""

import json
import os
import select
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from hookshop.webkit.plain_text import escape_unprintable

LABEL_WIDTH = 10  # len("subscriber")
COLORS = {"redis": 35, "shop": 32, "worker": 33, "subscriber": 36, "demo": 1}  # SGR codes


class Console:
    """Writes lines to ``out``, in color if that is a terminal and NO_COLOR is not set.

    ``json_lines``: write every line as a JSON object with the key ``process``. ``announcements``:
    where another program reads, as one line of JSON, that both applications serve.
    """

    def __init__(
        self, out: TextIO, *, json_lines: bool = False, announcements: TextIO | None = None
    ) -> None:
        self._out = out
        self._announcements = announcements
        self._json_lines = json_lines
        self._has_color = out.isatty() and not os.environ.get("NO_COLOR")
        self._is_gone = False

    def say(self, text: str, label: str = "demo") -> None:
        """Write one line of the process ``label``."""
        if self._json_lines:
            self._write(f"{_json_line(text, label)}\n")
            return
        head = f"{label:<{LABEL_WIDTH}} |"
        if self._has_color:
            head = f"\x1b[{COLORS[label]}m{head}\x1b[0m"
        # A process that writes past its log may quote untrusted input.
        self._write(f"{head} {escape_unprintable(text)}\n")

    def banner(self, addresses: Mapping[str, str]) -> None:
        """Write the URLs of the applications, as text with an empty line before and after."""
        if self._json_lines:
            served = ", ".join(f"{name}: {url}" for name, url in addresses.items())
            self.say(f"{served}. Ctrl-C stops everything.")
            return
        rows = "".join(f"    {name:<{LABEL_WIDTH}}  {url}\n" for name, url in addresses.items())
        self._write(f"\n{rows}\n    Ctrl-C stops everything.\n\n")

    def announce(self, facts: Mapping[str, str]) -> None:
        """Write one line of JSON for another program, if one reads announcements."""
        if self._announcements:
            self._write(f"{json.dumps(facts)}\n", self._announcements)

    def is_gone(self) -> bool:
        """Return whether the terminal was closed or the process that read the pipe has ended."""
        if self._is_gone:
            return True
        poller = select.poll()
        for stream in filter(None, (self._out, self._announcements)):
            poller.register(stream.fileno(), 0)  # hang-ups and errors are always reported
        # Ignore POLLNVAL: macOS reports it for every terminal, since it cannot poll one.
        return any(events & (select.POLLHUP | select.POLLERR) for _, events in poller.poll(0))

    def _write(self, text: str, out: TextIO | None = None) -> None:
        out = out or self._out
        try:
            out.write(text)
            out.flush()
        except OSError:
            # The reader is gone, but the demo must still stop its processes: discard all output.
            self._is_gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


class LabeledLines:
    """The output of one process: collects chunks of bytes and writes whole lines."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Add a chunk. It may end anywhere, even inside a character."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._say(lines)

    def close(self) -> None:
        """Write the last line if it has no line break."""
        if self._rest:
            self._say([self._rest])
            self._rest = b""

    def _say(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._console.say(line.decode(errors="replace").rstrip("\r"), self._label)


def refusal(error: Exception, *, json_lines: bool) -> str:
    """Return the line that says why the demo cannot start."""
    return _json_line(str(error), "demo", level="error") if json_lines else str(error)


def _json_line(text: str, label: str, *, level: str = "info") -> str:
    """Return the line as a JSON object. A line that is one already only gets ``process``."""
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {"time": now, "level": level, "message": text}
    return json.dumps({"process": label, **facts})
