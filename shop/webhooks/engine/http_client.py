"""Sends one signed request and returns the response, or the error as data.

This module knows HTTP, but neither deliveries nor the database. No transaction may be open while it
sends.
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
from shop.webhooks.engine.stopwatch import Timings
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, parse_url

# People read the body of a response to find an error; that does not need more than this.
MAX_RESPONSE_BODY_BYTES = 16 * 1024
CONNECT_SHARE = 0.5  # of the deadline: the rest is for the response

_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # without compression, there are no decompression bombs
    "Connection": "keep-alive",
    "User-Agent": f"Hookshop/{__version__}",
}


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to send.

    ``url``: as registered; the bytes of its path and query are sent unchanged. ``body``: the stored
    bytes, never re-serialized. ``fresh_connection``: use a new connection, not a pooled one.
    ``timeout_seconds``: for the whole exchange; None: that of the client.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    fresh_connection: bool = False
    timeout_seconds: float | None = None


@dataclass(slots=True)
class Response:
    """The result of a request: ``status`` or ``error`` is set, never both.

    ``request_headers`` and ``headers``: names in lower case. ``body``: raw bytes, at most 16 KiB.
    ``truncated``: there was more. ``error``: one of the names in docs/contract.md.
    ``error_detail``: the message of the network library. ``timings``: the phases of
    ``duration_ms``. ``connection_lost_on_reuse``: a reused connection was closed or reset before
    a byte of the response arrived; false for a timeout and on a fresh connection.
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


# The last two: an earlier version registered URLs that no request can be sent to.
_REQUEST_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, UrlRefused, UnicodeError)


class HttpClient:
    """Sends requests to all endpoints, and keeps connections open between deliveries.

    It uses aiohttp, because an ``httpx.AsyncClient`` over the same connections takes more than
    twice the processor time for a request, which costs a burst a quarter of its speed.

    Create it in a running event loop.
    """

    def __init__(self, policy: UrlPolicy, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=GuardedConnector(policy),
            trust_env=False,  # no proxies and no .netrc from the environment
            cookie_jar=aiohttp.DummyCookieJar(),  # keep an endpoint's cookies from the others
            auto_decompress=False,
        )

    async def send(self, outgoing: OutgoingRequest) -> Response:
        """Post the request within the total deadline. Never raise because of the receiver."""
        response = Response({})
        started, exchange = time.perf_counter(), Exchange(outgoing.fresh_connection)
        current_exchange.set(exchange)  # not shared: each delivery is sent in its own task
        try:
            async with asyncio.timeout(outgoing.timeout_seconds or self._timeout_seconds):
                await self._post(outgoing, response, exchange)
        except _REQUEST_ERRORS as error:
            _set_error(response, exchange, error)
        response.timings = exchange.stopwatch.stop()
        response.duration_ms = round((time.perf_counter() - started) * 1000)
        return response

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _post(
        self, outgoing: OutgoingRequest, response: Response, exchange: Exchange
    ) -> None:
        """Post the request and fill ``response`` step by step, so that a failure keeps the rest."""
        url, host = _url_and_host(outgoing.url)
        length = str(len(outgoing.body))
        headers = {"Host": host, **_HEADERS, **outgoing.headers, "Content-Length": length}
        response.request_headers = {name.lower(): value for name, value in headers.items()}
        async with self._session.post(
            url,
            headers=headers,
            data=outgoing.body,
            allow_redirects=False,
            timeout=_connect_timeout(outgoing.timeout_seconds or self._timeout_seconds),
        ) as received:
            exchange.stopwatch.start_reading()
            response.status = received.status
            response.headers = _response_headers(received)
            if exchange.connection:
                exchange.connection.watch_body(received.content)
            await _read_body(received.content, response)


@lru_cache
def _connect_timeout(timeout_seconds: float) -> aiohttp.ClientTimeout:
    # ``send`` has a deadline for the whole exchange.
    return aiohttp.ClientTimeout(sock_connect=timeout_seconds * CONNECT_SHARE)


@lru_cache(maxsize=1000)  # most requests go to the same few URLs
def _url_and_host(url: str) -> tuple[URL, str]:
    """Return the URL for aiohttp and the ``Host`` header.

    The URL has path and query in its path: yarl leaves a path unchanged, but drops a ``?`` with
    nothing after it, even with ``encoded=True``.
    """
    parts = parse_url(url)
    # ``localhost.`` is localhost (RFC 6761, section 6.3), but not to every resolver.
    host = "localhost" if parts.host == "localhost." else parts.host
    authority = f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"
    address = URL.build(scheme=parts.scheme, authority=authority, path=parts.target, encoded=True)
    return address, parts.host_header


def _response_headers(received: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers, with names in lower case, and repeated ones joined by commas."""
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
    """Keep at most 16 KiB of the body. aiohttp closes the connection if the rest is not read."""
    response.body = b""
    async for chunk in body.iter_any():
        response.body += chunk
        if len(response.body) > MAX_RESPONSE_BODY_BYTES:
            response.body = response.body[:MAX_RESPONSE_BODY_BYTES]
            response.truncated = True
            return


def _set_error(response: Response, exchange: Exchange, error: BaseException) -> None:
    if response.status is not None:
        response.truncated = True  # the status has arrived and counts; only the body is incomplete
        return
    causes = _causes(error)
    response.error, response.error_detail = _name_and_detail(causes)
    is_lost = any(isinstance(cause, _CLOSED_OR_RESET) for cause in causes)
    response.connection_lost_on_reuse = is_lost and exchange.is_unanswered_on_reuse


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its chain of causes."""
    found: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in found:
        found.append(inner)
        inner = inner.__cause__ or inner.__context__
    return found


_ErrorTypes = type[BaseException] | tuple[type[BaseException], ...]
_CLOSED_OR_RESET = (ConnectionError, aiohttp.ServerDisconnectedError)
_ERROR_NAMES: tuple[tuple[str, _ErrorTypes], ...] = (
    # The order matters: libraries wrap errors in others, and the most specific name counts.
    ("blocked_address", (BlockedAddress, UrlRefused)),
    # UnicodeError: a host name that cannot be encoded for the lookup.
    ("dns_error", (socket.gaierror, aiohttp.ClientConnectorDNSError, UnicodeError)),
    ("tls_error", (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)),
    ("connection_refused", ConnectionRefusedError),
    ("connection_timeout", aiohttp.ConnectionTimeoutError),
    ("connection_reset", _CLOSED_OR_RESET),
    ("protocol_error", (aiohttp.ClientResponseError, aiohttp.InvalidURL)),
    ("response_timeout", asyncio.TimeoutError),
)


def _name_and_detail(causes: list[BaseException]) -> tuple[str, str]:
    """Return an error's name, as in docs/contract.md, and the network library's message."""
    for name, types in _ERROR_NAMES:
        for cause in causes:
            if isinstance(cause, types):
                return name, str(cause) or type(cause).__name__
    return "connection_reset", str(causes[0]) or type(causes[0]).__name__
