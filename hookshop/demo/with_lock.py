"""Runs a command while it holds a lock: ``python with_lock.py FILE COMMAND …``.

``make`` uses it before there is an environment, so it needs nothing but Python.
"""

import fcntl
import os
import sys


def main() -> None:
    """Wait for the lock on the file, then become the command."""
    path, *command = sys.argv[1:]
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("Another make is installing; waiting for it ...\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    os.execvp(command[0], command)  # noqa: S606 – the command comes from the Makefile


if __name__ == "__main__":
    main()
