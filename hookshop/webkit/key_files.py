"""Keys that survive a restart, each in a file that only its owner can read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the key in this file. If there is no file yet, create it with a key from ``make``.

    Processes that start at the same time all get the same key: the file appears complete or not at
    all, and the first one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # mkstemp creates a file that only its owner can read.
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(make())
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first
        finally:
            Path(draft).unlink()
    return path.read_bytes()
