"""Send one signed request and return what came back.

A receiver that fails is data, not an exception. This module knows HTTP, but neither deliveries nor
the database; no transaction may be open while it sends.
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import aiohttp
from yarl import URL

from shop import __version__
from shop.webhooks.engine.connections import (
    BlockedAddress,
    Exchange,
    GuardedConnector,
    current_exchange,
)
from shop.webhooks.engine.stopwatch import Phase, Timings
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, parse_url

# The answer's body is kept for people to look at; nobody reads more of an error page than this.
MAX_RESPONSE_BODY_BYTES = 16 * 1024
# Share of the deadline that connecting may use: who does not connect by then will not answer.
CONNECT_SHARE = 0.5

_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # nothing to decompress, so no bomb either
    "Connection": "keep-alive",
    "User-Agent": f"Hookshop/{__version__}",
}


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """What to send.

    ``url``: as registered; the bytes of its path and query are sent as they are. ``body``: the
    stored bytes, never re-serialized. ``fresh_connection``: send it on a new connection, not on one
    of the pool.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    fresh_connection: bool = False


@dataclass(slots=True)
class Response:
    """What came of a request. ``status`` or ``error`` is set, never both.

    ``request_headers`` and ``headers``: names in lower case. ``body``: raw bytes, at most 16 KiB;
    ``truncated``: there was more. ``error``: a name of the README's table "What an answer means";
    ``error_detail``: what the network library said. ``timings``: where the duration went, as far as
    it was seen. ``connection_lost_on_reuse``: a reused connection was closed or reset before a byte
    of the answer came; never so for a time-out or on a fresh connection.
    """

    request_headers: dict[str, str]
    status: int | None = None
    headers: dict[str, str] | None = None
    body: bytes | None = None
    truncated: bool = False
    error: str | None = None
    error_detail: str | None = None
    duration_ms: int = 0
    timings: Timings | None = None
    connection_lost_on_reuse: bool = False


# The last two: an earlier version registered URLs that cannot be called.
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, UrlRefused, UnicodeError)


class HttpClient:
    """Sends to all endpoints, with connections kept open between deliveries.

    aiohttp carries the requests, not httpx: an ``httpx.AsyncClient`` over the same connections
    takes more than twice the processor time for a request, and a quarter of a burst.

    Make it inside a running event loop.
    """

    def __init__(self, policy: UrlPolicy, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=GuardedConnector(policy),
            # The deadline of the whole exchange is our own, in ``send``.
            timeout=aiohttp.ClientTimeout(sock_connect=timeout_seconds * CONNECT_SHARE),
            trust_env=False,  # no proxies and no .netrc from the environment
            cookie_jar=aiohttp.DummyCookieJar(),  # an endpoint's cookies are not for the others
            auto_decompress=False,
        )

    async def send(self, outgoing: OutgoingRequest) -> Response:
        """Post the request within the total deadline. Never raise for what the receiver does."""
        response = Response({})
        started, exchange = time.perf_counter(), Exchange(outgoing.fresh_connection)
        current_exchange.set(exchange)  # each delivery is a task, and has a context, of its own
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._exchange(outgoing, response, exchange)
        except _FAILURES as error:
            _note_failure(response, exchange, error)
        exchange.stopwatch.turn_to(None)
        response.timings = exchange.stopwatch.read_off()
        response.duration_ms = round((time.perf_counter() - started) * 1000)
        return response

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _exchange(
        self, outgoing: OutgoingRequest, response: Response, exchange: Exchange
    ) -> None:
        url, host = _address(outgoing.url)
        length = str(len(outgoing.body))
        headers = {"Host": host, **_HEADERS, **outgoing.headers, "Content-Length": length}
        response.request_headers = {name.lower(): value for name, value in headers.items()}
        async with self._session.post(
            url, headers=headers, data=outgoing.body, allow_redirects=False
        ) as received:
            exchange.stopwatch.turn_to(Phase.READING)
            response.status = received.status
            response.headers = _response_headers(received)
            if exchange.connection:
                exchange.connection.begin_body(received.content)
            await _read_body(received.content, response)


# Cached: most requests go where others went just before.
@lru_cache(maxsize=1000)
def _address(url: str) -> tuple[URL, str]:
    """Return where to send a request, and its ``Host`` header.

    yarl changes even a URL that it is told to leave alone: it drops a ``?`` with nothing after it.
    As a path it leaves the whole target untouched.
    """
    parts = parse_url(url)
    # ``localhost.`` is localhost (RFC 6761, section 6.3), but not to every resolver.
    host = "localhost" if parts.host == "localhost." else parts.host
    authority = f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"
    address = URL.build(scheme=parts.scheme, authority=authority, path=parts.target, encoded=True)
    return address, parts.host_header


def _response_headers(received: aiohttp.ClientResponse) -> dict[str, str]:
    """Return them with names in lower case; values of a repeated one are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in received.raw_headers:
        name, value = _decode(raw_name).lower(), _decode(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def _read_body(body: aiohttp.StreamReader, response: Response) -> None:
    """Keep as much of the body as is kept; what is left unread closes the connection."""
    response.body = b""
    async for chunk in body.iter_any():
        response.body += chunk
        if len(response.body) > MAX_RESPONSE_BODY_BYTES:
            response.body = response.body[:MAX_RESPONSE_BODY_BYTES]
            response.truncated = True
            return


def _note_failure(response: Response, exchange: Exchange, error: BaseException) -> None:
    if response.status is not None:
        response.truncated = True  # the status line arrived and counts; only the body is incomplete
        return
    causes = _causes(error)
    response.error, response.error_detail = _describe(causes)
    is_lost = any(isinstance(cause, _CLOSED_OR_RESET) for cause in causes)
    response.connection_lost_on_reuse = is_lost and exchange.is_unanswered_on_reuse


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and everything that it says it was caused by."""
    found: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in found:
        found.append(inner)
        inner = inner.__cause__ or inner.__context__
    return found


_Kinds = type[BaseException] | tuple[type[BaseException], ...]
_CLOSED_OR_RESET = (ConnectionError, aiohttp.ServerDisconnectedError)
_NAMES: tuple[tuple[str, _Kinds], ...] = (
    # In this order: the libraries wrap one error in another, and the most telling one counts.
    ("blocked_address", (BlockedAddress, UrlRefused)),
    # UnicodeError: a name that cannot even be encoded to be looked up.
    ("dns_error", (socket.gaierror, aiohttp.ClientConnectorDNSError, UnicodeError)),
    ("tls_error", (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)),
    ("connection_refused", ConnectionRefusedError),
    ("connection_timeout", aiohttp.ConnectionTimeoutError),
    ("connection_reset", _CLOSED_OR_RESET),
    ("protocol_error", (aiohttp.ClientResponseError, aiohttp.InvalidURL)),
    ("response_timeout", asyncio.TimeoutError),
)


def _describe(causes: list[BaseException]) -> tuple[str, str]:
    """Return the failure's name, of the README's table, and what the network library said."""
    for name, kinds in _NAMES:
        for cause in causes:
            if isinstance(cause, kinds):
                return name, str(cause) or type(cause).__name__
    return "connection_reset", str(causes[0]) or type(causes[0]).__name__
