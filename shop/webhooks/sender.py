"""Sends one signed request and reports what came back; a receiver that fails is data, not an error.

Called by ``webhooks.delivery``, with no transaction open. Knows HTTP, but neither deliveries nor
the database.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from shop import __version__

# The answer's body is kept for people to look at; nobody reads more of an error page than this.
LARGEST_KEPT_BODY = 16 * 1024
# Share of the deadline that connecting may use: who does not connect by then will not answer.
CONNECT_SHARE = 0.5
MOST_CONNECTIONS = 200


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """What to send. ``body``: the stored bytes, sent as they are."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Answer:
    """What came of a request. ``status`` or ``error`` is set, never both.

    ``error``: a name from the README's table "What an answer means"; ``error_detail``: what the
    network library said. ``body``: raw bytes, at most 16 KiB; ``truncated``: there was more.
    """

    request_headers: dict[str, str]
    status: int | None = None
    headers: dict[str, str] | None = None
    body: bytes | None = None
    truncated: bool = False
    error: str | None = None
    error_detail: str | None = None
    duration_ms: int = 0


class Sender:
    """One HTTP client for all endpoints, with connections kept open between deliveries."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            follow_redirects=False,  # a redirect is the receiver's mistake, or an attack
            trust_env=False,  # no proxies, no .netrc from whoever started the process
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS),
            # One deadline covers the whole exchange, below; only connecting has its own bound.
            timeout=httpx.Timeout(None, connect=timeout_seconds * CONNECT_SHARE),
            headers={
                "User-Agent": f"Hookshop/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",  # nothing to decompress, so no bomb either
            },
        )

    async def send(self, outgoing: OutgoingRequest) -> Answer:
        """Post the request within the total deadline. Never raises for what the receiver does."""
        request = self._client.build_request(
            "POST", outgoing.url, headers=outgoing.headers, content=outgoing.body
        )
        answer = Answer(request_headers=dict(request.headers))
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._exchange(request, answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            _note_error(answer, error)
        answer.duration_ms = round((time.perf_counter() - started) * 1000)
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _exchange(self, request: httpx.Request, answer: Answer) -> None:
        response = await self._client.send(request, stream=True)
        try:
            answer.status = response.status_code
            answer.headers = dict(response.headers)
            answer.body = b""
            async for chunk in response.aiter_raw():
                answer.body += chunk
                if len(answer.body) > LARGEST_KEPT_BODY:
                    answer.body = answer.body[:LARGEST_KEPT_BODY]
                    answer.truncated = True
                    break
        finally:
            await response.aclose()


def _note_error(answer: Answer, error: BaseException) -> None:
    if answer.status is not None:
        answer.truncated = True  # the status line arrived and counts; only the body is incomplete
        return
    answer.error = _name(error)
    answer.error_detail = str(error) or type(error).__name__


def _name(error: BaseException) -> str:
    """The name under which an attempt without an answer is recorded."""
    causes = tuple(_causes(error))
    if any(_closed_without_an_answer(cause) for cause in causes):
        return "connection_reset"
    for name, kinds in _NAMES:
        if any(isinstance(cause, kinds) for cause in causes):
            return name
    return "connection_reset"


def _closed_without_an_answer(error: BaseException) -> bool:
    # httpx counts this among the protocol errors; only the text tells it apart from garbage.
    return isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error)


_NAMES: tuple[tuple[str, type[BaseException] | tuple[type[BaseException], ...]], ...] = (
    # In this order: the libraries wrap one error in another, and the innermost says most.
    ("dns_error", socket.gaierror),
    ("tls_error", ssl.SSLError),
    ("connection_refused", ConnectionRefusedError),
    ("connection_timeout", httpx.ConnectTimeout),
    ("connection_reset", (ConnectionResetError, BrokenPipeError)),
    ("response_timeout", (TimeoutError, httpx.TimeoutException)),
    ("protocol_error", (httpx.ProtocolError, httpx.InvalidURL)),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _causes(member)
    # httpx raises its own errors "from" the connection's; anyio hides some as mere context.
    inner = error.__cause__ or error.__context__
    if inner is not None:
        yield from _causes(inner)
