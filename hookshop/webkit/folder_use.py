"""Marks ``HOOKSHOP_VAR`` as in use, so that ``make reset`` does not delete it under a process.

The lock belongs to an open file: the kernel releases it however the process ends.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

LOCK_NAME = "in-use.lock"
PRIVATE_MODE = 0o600


class FolderInUse(Exception):  # noqa: N818 – the name says what happened
    """A process that runs has marked the folder."""


def mark_in_use(var: Path) -> None:
    """Mark the folder until this process ends. Any number of processes may do so."""
    # Without such a folder, or if only its owner may write to it, nothing in it is ours.
    with suppress(OSError):
        fcntl.flock(_open(var), fcntl.LOCK_SH)


def claim(var: Path) -> int:
    """Return the file that holds the folder for this process alone. Raise ``FolderInUse``."""
    lock = _open(var)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FolderInUse from None
    return lock


def _open(var: Path) -> int:
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(var / LOCK_NAME, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
