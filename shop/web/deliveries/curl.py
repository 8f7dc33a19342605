"""Show an attempt as a command that sends the same bytes again.

Somebody will paste it into a shell: nothing in it is left for the shell or for curl to interpret.
"""

import base64
import shlex
from collections.abc import Mapping

# Made anew by curl for the request that it sends.
_NOT_REPEATED = {"host", "content-length", "connection"}


def as_curl(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return a command for any POSIX shell.

    ``url``: as registered, of which the command keeps every byte of path and query. ``headers``: as
    sent, names in lower case.
    """
    lines = [
        # Brackets and dots in a path would mean something to curl.
        f"curl --include --globoff --path-as-is --request POST {shlex.quote(url)}",
        *(
            f"--header {shlex.quote(f'{name}: {value}')}"
            for name, value in headers.items()
            if name not in _NOT_REPEATED
        ),
    ]
    if body.isascii() and body.decode("ascii").isprintable() and not body.startswith(b"@"):
        return _joined([*lines, f"--data-binary {shlex.quote(body.decode('ascii'))}"])
    encoded = base64.b64encode(body).decode()
    return f"printf %s '{encoded}' | base64 -d |\n" + _joined([*lines, "--data-binary @-"])


def _joined(lines: list[str]) -> str:
    return " \\\n  ".join(lines)
