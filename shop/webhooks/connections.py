"""Opens connections for ``sender``, and only to addresses that the URL policy allows.

A URL is checked when it is registered, but a name may lead elsewhere by the time it is called, or
to several addresses at once. So every address is checked again at the last moment: all that a name
resolves to, and the very one that is connected to. What is refused here costs no packet.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from shop.webhooks import stopwatch
from shop.webhooks.url_policy import UrlPolicy, UrlRefused

MOST_CONNECTIONS = 700  # more than deliveries in flight: waiting for one would look like a failure
# Shorter than common servers wait (5 s): a request on a connection that is just being closed fails.
KEEP_ALIVE_SECONDS = 4


class BlockedAddress(OSError):  # noqa: N818 – the name says what happened
    """The policy forbids the address that a connection would go to."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Carries httpx's requests over aiohttp's connections; make it inside a running event loop.

    aiohttp's have the two hooks that a guard needs, and carry several times as many requests a
    second as httpx's own. Raises aiohttp's errors as they are: ``describe_failure`` knows them.
    """

    def __init__(self, policy: UrlPolicy, *, connect_seconds: float) -> None:
        guard = _Guard(policy)
        connector = _TimedConnector(
            limit=MOST_CONNECTIONS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ssl=httpx.create_ssl_context(trust_env=False),
            resolver=guard,
            use_dns_cache=False,  # a name is trusted for one connection
            socket_factory=guard.open_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(sock_connect=connect_seconds),
            trust_env=False,  # no proxies, no .netrc from whoever started the process
            cookie_jar=aiohttp.DummyCookieJar(),  # one endpoint's cookies are no other's business
            auto_decompress=False,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and answer when the response's headers have come; its body is still to come."""
        response = await self._session.request(
            request.method,
            str(request.url),
            headers=request.headers.multi_items(),
            data=await request.aread(),
            allow_redirects=False,
        )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    """What of a response has not been read yet."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_any()

    async def aclose(self) -> None:
        """Give the connection back, or close it when something of the body is still to come."""
        self._response.release()
        await self._response.wait_for_close()


class _TimedConnector(aiohttp.TCPConnector):
    """Tells the stopwatch when a request has its connection."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 – the base class's name
    ) -> Connection:
        """An open connection to the request's host, or else a new one."""
        connection = await super().connect(req, traces, timeout)
        stopwatch.current.get().use_connection()
        return connection


class _Guard(AbstractResolver):
    """Resolves names, and stands between every address and its socket."""

    def __init__(self, policy: UrlPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises ``BlockedAddress`` if even one of them is forbidden.

        Taking the others would be a lottery that an attacker may play as often as he likes.
        """
        stopwatch.current.get().look_up()
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._check(each["host"], each["port"])
        return found

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()

    def open_socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Called by aiohttp with the final address, just before it connects."""
        stopwatch.current.get().open_connection()
        family, kind, protocol, _name, address = address_info
        self._check(address[0], address[1])
        return socket.socket(family, kind, protocol)

    def _check(self, host: str, port: int) -> None:
        try:
            self._policy.check_address(ip_address(host), port)
        except UrlRefused as refusal:
            raise BlockedAddress(str(refusal)) from None


def describe_failure(error: BaseException) -> tuple[str, str]:
    """For an exchange that brought no answer: its name in the README's table, and what was said."""
    causes = list(_causes(error))
    for name, kinds in _NAMES:
        for cause in causes:
            if isinstance(cause, kinds):
                return name, str(cause) or type(cause).__name__
    return "connection_reset", str(error) or type(error).__name__


Kinds = type[BaseException] | tuple[type[BaseException], ...]
_NAMES: tuple[tuple[str, Kinds], ...] = (
    # In this order: the libraries wrap one error in another, and the most telling one counts.
    ("blocked_address", BlockedAddress),
    ("dns_error", (socket.gaierror, aiohttp.ClientConnectorDNSError)),
    ("tls_error", (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)),
    ("connection_refused", ConnectionRefusedError),
    ("connection_timeout", aiohttp.ConnectionTimeoutError),
    ("connection_reset", (ConnectionError, aiohttp.ServerDisconnectedError)),
    ("protocol_error", (aiohttp.ClientResponseError, aiohttp.InvalidURL)),
    ("response_timeout", asyncio.TimeoutError),
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything that it says it was caused by."""
    found: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in found:
        found.append(inner)
        inner = inner.__cause__ or inner.__context__
    return found
