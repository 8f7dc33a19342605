"""Says on the terminal what is being done, on one line that is written over; silent elsewhere."""

import sys

LONGEST = 78


def show(line: str) -> None:
    """Show what is going on; an empty line ends it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line[:LONGEST]}")
        sys.stderr.flush()
