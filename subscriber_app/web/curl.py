"""Writes a stored request as a shell command that sends the same bytes again.

The values come from an untrusted sender, and a person will paste the command into a shell. So
anything but plain text is written in octal or base64, and neither the shell nor curl interprets it.
"""

import base64
import re
import shlex
from collections.abc import Sequence

# curl sets these itself.
_NOT_REPEATED = {"host", "content-length", "connection", "transfer-encoding", "expect"}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)  # RFC 9110, section 5.6.2
# Linux limits a single argument to 128 KiB. printf is built into the shell and has no limit.
MAX_ARGUMENT_BYTES = 64 * 1024


def as_curl(url: str, headers: Sequence[Sequence[str]], body: bytes) -> str:
    """Return a command for any POSIX shell. ``headers``: ``[name, value]`` pairs, Latin-1."""
    lines = [f"curl --include --request POST {shlex.quote(url)}"]
    lines += [f"--header {_header(name, value)}" for name, value in _sent(headers)]
    lines += [f"--header {shlex.quote(line)}" for line in _left_out(headers)]
    if _fits_an_argument(body):
        return _joined([*lines, f"--data-binary {shlex.quote(body.decode())}"])
    encoded = base64.b64encode(body).decode()
    return f"printf %s '{encoded}' | base64 -d |\n" + _joined([*lines, "--data-binary @-"])


def _sent(headers: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in _NOT_REPEATED and _HEADER_NAME.fullmatch(name)
    ]


def _left_out(headers: Sequence[Sequence[str]]) -> list[str]:
    """Return headers as "name:", which keeps curl from adding its own."""
    came = {name.lower() for name, _value in headers}
    return [f"{name}:" for name in ("accept", "content-type", "user-agent") if name not in came]


def _header(name: str, value: str) -> str:
    # "name:" would remove the header; curl's syntax for an empty one is "name;".
    line = f"{name}: {value}" if value.strip() else f"{name};"
    if line.isascii() and line.isprintable():
        return shlex.quote(line)
    octal = "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}"  # noqa: PLR2004 – ASCII
        for byte in line.encode("latin-1", errors="replace")
    )
    return f"\"$(printf '{octal}')\""


def _fits_an_argument(body: bytes) -> bool:
    """Return whether the body can be an argument of the command.

    curl would read a body that begins with @ from a file, and invisible characters should not be
    pasted.
    """
    if len(body) > MAX_ARGUMENT_BYTES or body.startswith(b"@"):
        return False
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each == "\n" for each in text)


def _joined(lines: list[str]) -> str:
    return " \\\n  ".join(lines)
