"""Keys that outlive a restart, each in a file of its own that only its owner may read."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """The key in this file; at the first start ``make`` makes it.

    Of several processes that start at once, all get the same: the file appears complete or not at
    all, and the first one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # mkstemp makes the file readable for its owner alone.
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(make())
            os.link(draft, path)
        except FileExistsError:
            pass  # somebody else was first
        finally:
            Path(draft).unlink()
    return path.read_bytes()
