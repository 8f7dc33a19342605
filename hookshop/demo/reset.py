"""``make reset``: deletes the folder ``var``, unless a process uses it.

A process whose database is deleted would go on to accept orders, and lose them.
"""

import os
import shutil
import sys
from pathlib import Path

from hookshop.webkit.folder_use import FolderInUse, claim

VAR = Path("var")  # never HOOKSHOP_VAR, which may be a folder with other things in it


def main() -> None:
    """Exit with 2 after one line if the folder cannot be deleted."""
    try:
        _delete(VAR)
    except FolderInUse:
        sys.exit(_refuse(f"{VAR} is in use: stop the demo or the application that uses it first"))
    except OSError as error:
        sys.exit(_refuse(f"{error.filename or VAR} cannot be deleted: {error.strerror}"))


def _delete(folder: Path) -> None:
    if not folder.exists():
        return
    lock = claim(folder)  # also while deleting, so that a process that starts meanwhile waits
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)
    os.close(lock)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2


if __name__ == "__main__":
    main()
