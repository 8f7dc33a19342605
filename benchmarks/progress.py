"""Shows the current step on one line of the terminal, if stderr is one."""

import sys

MAX_LENGTH = 78


def show(line: str) -> None:
    """Replace the line; an empty text clears it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line[:MAX_LENGTH]}")
        sys.stderr.flush()
