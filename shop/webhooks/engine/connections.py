"""Connections to endpoints: opened to allowed addresses only, and reused only while untouched.

A URL is checked when it is registered, but its name may resolve to other addresses later, or to
several at once. So each address is checked again at the last moment: all that a name resolves to,
and the one that is connected to. A forbidden address gets no packet.

An HTTP/1.1 answer does not say which request it belongs to. Whatever arrives on an idle connection
would be taken as the answer to the next request, so such a connection is closed instead.
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

from shop.webhooks.engine.stopwatch import Stopwatch
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused

MAX_CONNECTIONS = 700  # more than deliveries in flight: waiting for one would look like a failure
# Shorter than common servers wait (5 s): a request on a connection that is just being closed fails.
MAX_IDLE_SECONDS = 4

_END_OF_HEAD = b"\r\n\r\n"


class BlockedAddress(OSError):  # noqa: N818 – the name says what happened
    """The policy forbids the address that a connection would go to."""


@dataclass(slots=True)
class Exchange:
    """One request on its way through the connector.

    ``fresh_connection``: it must not go out on a pooled connection. ``connection``: the one that
    carries it, once there is one.
    """

    fresh_connection: bool = False
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    connection: "WatchedConnection | None" = None

    @property
    def is_unanswered_on_reuse(self) -> bool:
        """Whether it went out on a reused connection, and no byte of the answer has come."""
        watched = self.connection
        return watched is not None and watched.is_reused and not watched.has_received


# The exchange of the running task: aiohttp passes nothing of our own on to its connector.
current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


class GuardedConnector(aiohttp.TCPConnector):
    """A pool of connections, each to an address that the policy allows.

    Make it inside a running event loop. Raise ``BlockedAddress`` (wrapped in an error of aiohttp)
    for an address that the policy forbids.
    """

    def __init__(self, policy: UrlPolicy) -> None:
        guard = _Guard(policy)
        super().__init__(
            limit=MAX_CONNECTIONS,
            keepalive_timeout=MAX_IDLE_SECONDS,
            ssl=ssl.create_default_context(cafile=certifi.where()),
            resolver=guard,
            use_dns_cache=False,  # a name is trusted for one connection
            socket_factory=guard.open_socket,
        )

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 – the base class's name
    ) -> Connection:
        """Return a connection to the request's host: an untouched one of the pool, or a new one."""
        exchange = current_exchange.get()
        connection, watched = await self._take(req, traces, timeout)
        # Where the request needs a fresh connection, the idle ones to this host are closed: one of
        # them was just found dead, and the others are as old.
        while watched.is_reused and (exchange.fresh_connection or watched.is_touched()):
            connection.close()
            connection, watched = await self._take(req, traces, timeout)
        connection.add_callback(watched.begin_idling)
        watched.begin_exchange()
        exchange.connection = watched
        exchange.stopwatch.use_connection()
        return connection

    async def _take(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 – the base class's name
    ) -> tuple[Connection, "WatchedConnection"]:
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is None:  # a new one that the other side has closed by now
            connection.close()
            raise aiohttp.ClientConnectionResetError("closed as soon as it was open")
        protocol = transport.get_protocol()
        if isinstance(protocol, WatchedConnection):
            protocol.is_reused = True
            return connection, protocol
        watched = WatchedConnection(transport, cast(asyncio.Protocol, protocol))
        transport.set_protocol(watched)
        return connection, watched


class WatchedConnection(asyncio.Protocol):
    """Stands between a transport and aiohttp's parser, and notes when bytes arrive."""

    def __init__(self, transport: asyncio.Transport, parser: asyncio.Protocol) -> None:
        self._transport = transport
        self._parser = parser
        self._is_idle = False
        self._received_while_idle = False
        self._expects_head = True
        self._body: aiohttp.StreamReader | None = None
        self.is_reused = False
        self.has_received = False  # a byte of the answer to the request under way

    def begin_exchange(self) -> None:
        """Expect the answer to a request that is about to be sent."""
        self._is_idle = False
        self._expects_head = True
        self._body = None
        self.has_received = False

    def begin_body(self, body: aiohttp.StreamReader) -> None:
        """Let the reader of this body know when the connection ends."""
        self._body = body

    def begin_idling(self) -> None:
        """Expect nothing: the answer is complete, and the connection goes back to the pool."""
        self._is_idle = True

    def is_touched(self) -> bool:
        """Return whether anything arrived, or the other side hung up, since it became idle.

        Look without waiting, also at what the event loop has not read yet.
        """
        if self._received_while_idle:
            return True
        # Not ``select``: it cannot watch file descriptors above 1,023.
        poller = select.poll()
        poller.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poller.poll(0))

    def data_received(self, data: bytes) -> None:
        """Note that bytes came, and pass them on: each head by itself, then the body.

        aiohttp forgets a complete head when it cannot parse what arrives together with it. But a
        status line that was received counts, whatever becomes of the body.
        """
        self.has_received = True
        self._received_while_idle |= self._is_idle
        start = 0
        while self._expects_head and (end := data.find(_END_OF_HEAD, start)) >= 0:
            head = data[start : end + len(_END_OF_HEAD)]
            self._expects_head = head.startswith(b"HTTP/1.1 1")  # an interim one: 100 Continue
            start += len(head)
            self._parser.data_received(head)
        if start < len(data):
            self._parser.data_received(data[start:] if start else data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, also to a body that is not complete.

        aiohttp hangs up when it cannot parse a body, but leaves its reader waiting.
        """
        self._parser.connection_lost(exc)
        if self._body is not None and not self._body.is_eof():
            self._body.set_exception(aiohttp.ClientPayloadError("the body broke off"))

    def pause_writing(self) -> None:
        """Pass it on."""
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._parser.resume_writing()


class _Guard(AbstractResolver):
    """Resolves names, and stands between every address and its socket."""

    def __init__(self, policy: UrlPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return all addresses of a name. Raise ``BlockedAddress`` if one of them is forbidden.

        Taking the others would be a lottery that an attacker may play as often as he likes.
        """
        current_exchange.get().stopwatch.look_up()
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._check(each["host"], each["port"])
        return found

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()

    def open_socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for the final address, if it is allowed."""
        current_exchange.get().stopwatch.open_connection()
        family, kind, protocol, _name, address = address_info
        self._check(address[0], address[1])
        return socket.socket(family, kind, protocol)

    def _check(self, host: str, port: int) -> None:
        try:
            self._policy.check_address(ip_address(host), port)
        except UrlRefused as refusal:
            raise BlockedAddress(str(refusal)) from None
