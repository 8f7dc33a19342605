"""Formats an attempt as a curl command that sends the same bytes again.

People paste the command into a shell, so everything in it is quoted for the shell and for curl.
"""

import base64
import shlex
from collections.abc import Mapping

# curl sets these headers itself.
_SET_BY_CURL = {"host", "content-length", "connection"}


def as_curl(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return a command for any POSIX shell.

    ``url``: as registered; the command keeps path and query byte for byte. ``headers``: as sent,
    names in lower case.
    """
    lines = [
        # --globoff and --path-as-is: keep curl from interpreting brackets and dots in the path.
        f"curl --include --globoff --path-as-is --request POST {shlex.quote(url)}",
        *(
            f"--header {shlex.quote(f'{name}: {value}')}"
            for name, value in headers.items()
            if name not in _SET_BY_CURL
        ),
    ]
    if body.isascii() and body.decode("ascii").isprintable() and not body.startswith(b"@"):
        return _joined([*lines, f"--data-binary {shlex.quote(body.decode('ascii'))}"])
    encoded = base64.b64encode(body).decode()
    return f"printf %s '{encoded}' | base64 -d |\n" + _joined([*lines, "--data-binary @-"])


def _joined(lines: list[str]) -> str:
    return " \\\n  ".join(lines)
