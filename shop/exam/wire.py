"""A request of the exam, and what came back. Pure: makes bytes, sends nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shop.vocabulary import AttemptError
from shop.webhooks.rules.urls import WebhookUrl

CHUNK_BYTES = 64  # small, so that a body of the usual size comes in several chunks

CLOSED_BY_EXAM = "closed by the exam"  # the detail of an answer that the exam did not wait for


class Framing(StrEnum):
    """How the end of the body is marked (RFC 9112, section 6)."""

    LENGTH = "Content-Length"
    CHUNKED = "Transfer-Encoding: chunked"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to send. ``headers``: all but those of the connection, in order.

    ``body``: raw bytes, never re-serialized. ``message_id``: its ``webhook-id``; empty if it has
    none.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes
    message_id: str = ""
    method: str = "POST"
    framing: Framing = Framing.LENGTH

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty text."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    def with_header(self, name: str, value: str) -> "WebhookRequest":
        """Return the request with another value of a header. A new header goes to the end."""
        if not self.header(name):
            return replace(self, headers=(*self.headers, (name, value)))
        pairs = ((each, value if each.lower() == name.lower() else v) for each, v in self.headers)
        return replace(self, headers=tuple(pairs))

    def without(self, *names: str) -> "WebhookRequest":
        """Return the request without these headers. Names are in lower case."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=kept)

    def head(self, url: WebhookUrl) -> bytes:
        """Return request line and headers as bytes, with the empty line after them."""
        lines = [
            f"{self.method} {url.target} HTTP/1.1",
            f"Host: {url.host_header}",
            *(f"{name}: {value}" for name, value in self.headers),
            "Connection: close",
        ]
        if self.framing is Framing.CHUNKED:
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.method == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def framed_body(self) -> bytes:
        """Return the bytes after the head."""
        return b"".join(_chunks(self.body)) if self.framing is Framing.CHUNKED else self.body


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK_BYTES):
        chunk = body[start : start + CHUNK_BYTES]
        yield f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    yield b"0\r\n\r\n"


UNREACHABLE = frozenset(
    {
        AttemptError.DNS_ERROR,
        AttemptError.CONNECTION_REFUSED,
        AttemptError.CONNECTION_TIMEOUT,
        AttemptError.TLS_ERROR,
        AttemptError.BLOCKED_ADDRESS,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or the reason why there is none: ``status`` or ``error`` is set, never both.

    ``headers``: names in lower case. ``body``: at most 64 KiB. ``detail``: the message of the
    network library.
    """

    status: int | None = None
    error: AttemptError | None = None
    detail: str = ""
    seconds: float = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty text. ``name``: in lower case."""
        return next((value for each, value in self.headers if each == name), "")

    def __str__(self) -> str:
        if self.status is not None:
            return str(self.status)
        if self.detail == CLOSED_BY_EXAM:
            return CLOSED_BY_EXAM
        return f"no response ({self.error})"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. ``name``: what it was for, if a case has several.

    ``delivery_url``: its page in the shop's log, if the shop sent it as an ordinary delivery.
    """

    request: WebhookRequest
    answer: Answer
    name: str = ""
    delivery_url: str = ""


def parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return status and headers of a response. Raise ``ValueError`` if it is not HTTP/1."""
    status_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdecimal()):
        raise ValueError(f"the response does not begin as HTTP/1.1 does: {status_line[:80]!r}")
    return int(code), tuple(_headers(lines))


def _headers(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def decode_chunks(raw: bytes) -> bytes:
    """Return a body that came in chunks, as far as it came."""
    body = b""
    while raw:
        line, _, raw = raw.partition(b"\r\n")
        try:
            length = int(line.split(b";")[0], 16)
        except ValueError:
            return body
        if length == 0:
            return body
        body += raw[:length]
        raw = raw[length + 2 :]
    return body
