"""Formats a request of the exam as a curl command that sends the same bytes again. Pure."""

import base64
import shlex

from shop.exam.wire import Framing, WebhookRequest

MAX_SHOWN_BYTES = 8 * 1024


def as_curl(url: str, request: WebhookRequest) -> str:
    """Return a command for any POSIX shell. It shows a large body only in part, and says so."""
    lines = [
        f"curl --include --globoff --path-as-is {_method(request)} {shlex.quote(url)}",
        *(f"--header {shlex.quote(_header(*pair))}" for pair in request.headers),
    ]
    if request.framing is Framing.CHUNKED:
        lines.append("--header 'Transfer-Encoding: chunked'")
    if request.method != "POST":
        return _joined(lines)
    body = request.body[:MAX_SHOWN_BYTES]
    note = (
        f"# the first {len(body)} of {len(request.body)} bytes:\n" if body != request.body else ""
    )
    if body.isascii() and body.decode("ascii").isprintable() and not body.startswith(b"@"):
        return note + _joined([*lines, f"--data-binary {shlex.quote(body.decode('ascii'))}"])
    encoded = base64.b64encode(body).decode()
    pipeline = f"printf %s '{encoded}' | base64 -d |\n"
    return note + pipeline + _joined([*lines, "--data-binary @-"])


def _method(request: WebhookRequest) -> str:
    return "--head" if request.method == "HEAD" else f"--request {request.method}"


def _header(name: str, value: str) -> str:
    # Without a value, curl needs a semicolon to send the header at all.
    return f"{name}: {value}" if value else f"{name};"


def _joined(lines: list[str]) -> str:
    return " \\\n  ".join(lines)
