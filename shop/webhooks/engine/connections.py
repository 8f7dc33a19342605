"""Connections to endpoints: opened only to allowed addresses, reused only if not stale.

A URL is checked when it is registered, but its name may resolve to other addresses later, or to
several at once. So addresses are checked again just before connecting: all addresses of the name,
and the one that is connected to. A forbidden address receives no packet.

An HTTP/1.1 response does not say which request it belongs to. Data that arrives on an idle
connection would count as the response to the next request, so such a connection is closed.
"""

import asyncio
import select
import socket
import ssl
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, cast

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from shop.webhooks.engine.changing_name import CHANGING_NAME, ChangingName
from shop.webhooks.engine.stopwatch import Stopwatch
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused

MAX_CONNECTIONS = 700  # more than MAX_IN_FLIGHT: waiting for one would look like a slow endpoint
# Shorter than in common servers (5 s): a request on a connection that the server is closing fails.
MAX_IDLE_SECONDS = 4

_END_OF_HEAD = b"\r\n\r\n"


class BlockedAddress(OSError):  # noqa: N818 – the name says what happened
    """The policy forbids connecting to the address."""


@dataclass(slots=True)
class Exchange:
    """One request and its response, as the connector sees them.

    ``fresh_connection``: do not use a pooled connection. ``connection``: set once there is one.
    """

    fresh_connection: bool = False
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    connection: "WatchedConnection | None" = None

    @property
    def is_unanswered_on_reuse(self) -> bool:
        """Whether it used a reused connection and no byte of the response has arrived."""
        watched = self.connection
        return watched is not None and watched.is_reused and not watched.has_received


# The exchange of the running task. A context variable, as aiohttp passes no argument of the caller
# to its connector.
current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


class GuardedConnector(aiohttp.TCPConnector):
    """A pool of connections to addresses that the policy allows.

    Create it in a running event loop. It raises ``BlockedAddress``, wrapped in an error of aiohttp,
    for an address that the policy forbids.
    """

    def __init__(self, policy: UrlPolicy) -> None:
        guard = _AddressGuard(policy)
        super().__init__(
            limit=MAX_CONNECTIONS,
            keepalive_timeout=MAX_IDLE_SECONDS,
            ssl=ssl.create_default_context(cafile=certifi.where()),
            resolver=guard,
            use_dns_cache=False,  # resolve and check the name again for each connection
            socket_factory=guard.open_socket,
        )

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 – the base class's name
    ) -> Connection:
        """Return a connection to the request's host: from the pool if not stale, or a new one."""
        exchange = current_exchange.get()
        connection, watched = await self._acquire(req, traces, timeout)
        # For a request that needs a fresh connection, close all idle ones to this host: one of them
        # was just found closed, and the others are as old.
        # The name that changes its mind is looked up for each request.
        is_fresh = exchange.fresh_connection or req.url.host == CHANGING_NAME
        while watched.is_reused and (is_fresh or watched.is_stale()):
            connection.close()
            connection, watched = await self._acquire(req, traces, timeout)
        connection.add_callback(watched.mark_idle)
        watched.expect_response()
        exchange.connection = watched
        exchange.stopwatch.start_waiting()
        return connection

    async def _acquire(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 – the base class's name
    ) -> tuple[Connection, "WatchedConnection"]:
        """Return a connection from the pool, or a new one."""
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is None:  # a new one that the other side has already closed
            connection.close()
            raise aiohttp.ClientConnectionResetError("closed right after it was opened")
        protocol = transport.get_protocol()
        if isinstance(protocol, WatchedConnection):
            protocol.is_reused = True
            return connection, protocol
        watched = WatchedConnection(transport, cast(asyncio.Protocol, protocol))
        transport.set_protocol(watched)
        return connection, watched


class WatchedConnection(asyncio.Protocol):
    """Passes data from a transport to aiohttp's parser, and records when it arrives.

    ``is_reused``: whether it carried an earlier request. ``has_received``: whether a byte of the
    response to the current request has arrived.
    """

    def __init__(self, transport: asyncio.Transport, parser: asyncio.Protocol) -> None:
        self._transport = transport
        self._parser = parser
        self._is_idle = False
        self._received_while_idle = False
        self._expects_head = True
        self._body: aiohttp.StreamReader | None = None
        self.is_reused = False
        self.has_received = False

    def expect_response(self) -> None:
        """Prepare for the response to a request that is sent next."""
        self._is_idle = False
        self._expects_head = True
        self._body = None
        self.has_received = False

    def watch_body(self, body: aiohttp.StreamReader) -> None:
        """Report the end of the connection to the reader of this body."""
        self._body = body

    def mark_idle(self) -> None:
        """Expect no data: the response is complete and the connection returns to the pool."""
        self._is_idle = True

    def is_stale(self) -> bool:
        """Return whether data or the end of the connection arrived while it was idle.

        Check, without waiting, also what the event loop has not read yet.
        """
        if self._received_while_idle:
            return True
        # Not ``select``: it does not support file descriptors above 1,023.
        poller = select.poll()
        poller.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poller.poll(0))

    def data_received(self, data: bytes) -> None:
        """Pass data on: each head separately, then the body.

        aiohttp loses a complete head if it cannot parse the data that arrives together with it. But
        a status line that was received counts, even if the body is malformed.
        """
        self.has_received = True
        self._received_while_idle |= self._is_idle
        start = 0
        while self._expects_head and (end := data.find(_END_OF_HEAD, start)) >= 0:
            head = data[start : end + len(_END_OF_HEAD)]
            # After an interim response, such as 100 Continue, another head follows.
            self._expects_head = head.startswith(b"HTTP/1.1 1")
            start += len(head)
            self._parser.data_received(head)
        if start < len(data):
            self._parser.data_received(data[start:] if start else data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, and end a body that is not complete.

        aiohttp closes the connection if it cannot parse a body, but leaves the body's reader
        waiting.
        """
        self._parser.connection_lost(exc)
        if self._body is not None and not self._body.is_eof():
            self._body.set_exception(aiohttp.ClientPayloadError("the body is incomplete"))

    def pause_writing(self) -> None:
        """Pass it on."""
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._parser.resume_writing()


class _AddressGuard(AbstractResolver):
    """Resolves names and opens sockets, and checks every address in both."""

    def __init__(self, policy: UrlPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()
        self._changing_name = ChangingName()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return all addresses of a name. Raise ``BlockedAddress`` if one of them is forbidden.

        Do not fall back to the others: an attacker could try again until the forbidden one is used.
        """
        current_exchange.get().stopwatch.start_lookup()
        if host == CHANGING_NAME:
            found = self._changing_name.resolve(port)
        else:
            found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._check(each["host"], each["port"])
        return found

    async def close(self) -> None:
        """Release the resolver's resources."""
        await self._resolver.close()

    def open_socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for an address. Raise ``BlockedAddress`` if it is forbidden."""
        current_exchange.get().stopwatch.start_connecting()
        family, kind, protocol, _name, address = address_info
        self._check(address[0], address[1])
        return socket.socket(family, kind, protocol)

    def _check(self, host: str, port: int) -> None:
        try:
            self._policy.check_address(ip_address(host), port)
        except UrlRefused as refusal:
            raise BlockedAddress(str(refusal)) from None
