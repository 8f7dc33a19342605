"""Sends requests on bare sockets: also those that no client library can send.

The address guard is that of the shop: a name is resolved once, all of its addresses must be
allowed by the policy, and the connection goes to one of these addresses. Every wait and every size
is bounded. A receiver that fails is data: nothing here raises because of it.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import certifi

from shop.exam.pacing import Pacer
from shop.exam.wire import (
    CLOSED_BY_EXAM,
    UNREACHABLE,
    Answer,
    Exchange,
    WebhookRequest,
    decode_chunks,
    parse_head,
)
from shop.vocabulary import AttemptError
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused, WebhookUrl, parse_url

TIMEOUT_SECONDS = 10.0  # for a whole exchange, as in the shop
CONNECT_SECONDS = 5.0
MAX_BODY_SECONDS = 2.0  # of a response: only its status counts
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_INTERIM_RESPONSES = 10


class _Unreachable(Exception):  # noqa: N818 – it becomes an answer
    """There is no connection. ``reason``: one of the names in docs/contract.md."""

    def __init__(self, reason: AttemptError, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(slots=True)
class Connection:
    """An open connection. ``url``: where it leads."""

    url: WebhookUrl
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes. Ignore that the other side has closed: the answer may have come before."""
        with suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def read_answer(self, method: str = "POST") -> Answer:
        """Return the response. Raise ``OSError``, ``ValueError`` or ``EOFError`` without one."""
        for _ in range(MAX_INTERIM_RESPONSES):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, headers = parse_head(head)
            if status >= 200:  # noqa: PLR2004 – RFC 9110, section 15.2: below are interim ones
                answer = Answer(status, headers=headers)
                body = b"" if method == "HEAD" else await self._read_body(answer)
                return replace(answer, body=body)
        raise ValueError("the receiver sends interim responses without end")

    async def _read_body(self, answer: Answer) -> bytes:
        """Return as much of the body as comes in time."""
        length = answer.header("content-length")
        limit = min(int(length), MAX_BODY_BYTES) if length.isdecimal() else MAX_BODY_BYTES
        body = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(MAX_BODY_SECONDS):
                while len(body) < limit and (part := await self.reader.read(limit - len(body))):
                    body += part
        is_chunked = answer.header("transfer-encoding").lower() == "chunked"
        return decode_chunks(body) if is_chunked else body


Talk = Callable[[Connection], Awaitable[Answer]]


class Sender:
    """Sends requests to addresses that the policy allows. Create it in a running event loop."""

    def __init__(self, policy: UrlPolicy, *, pacer: Pacer | None = None) -> None:
        self._policy = policy
        self._pacer = pacer or Pacer()
        self._tls = ssl.create_default_context(cafile=certifi.where())

    async def send(
        self, url: str, request: WebhookRequest, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> Exchange:
        """Send a request in one go and return what came."""

        async def talk(connection: Connection) -> Answer:
            data = request.head(connection.url) + request.framed_body()
            return await _write_while_reading(connection, data, request.method)

        return Exchange(request, await self._talk(url, talk, timeout_seconds))

    async def send_together(
        self, url: str, requests: Sequence[WebhookRequest]
    ) -> tuple[Exchange, ...]:
        """Send requests at the same instant: hold back the last byte of each, then release all."""
        # The first one to fail ends the wait of the others.
        ready = asyncio.Barrier(len(requests))

        async def copy(request: WebhookRequest) -> Exchange:
            async def talk(connection: Connection) -> Answer:
                data = request.head(connection.url) + request.framed_body()
                await connection.write(data[:-1])
                with suppress(asyncio.BrokenBarrierError):
                    await ready.wait()
                return await _write_while_reading(connection, data[-1:], request.method)

            answer = await self._talk(url, talk, TIMEOUT_SECONDS)
            if answer.status is None:
                await ready.abort()
            return Exchange(request, answer)

        return tuple(await asyncio.gather(*map(copy, requests)))

    async def send_in_part(self, url: str, request: WebhookRequest, length: int) -> Exchange:
        """Send the head and ``length`` bytes of the body, then close the connection."""

        async def talk(connection: Connection) -> Answer:
            await connection.write(request.head(connection.url) + request.body[:length])
            return Answer(error=AttemptError.CONNECTION_RESET, detail=CLOSED_BY_EXAM)

        return Exchange(request, await self._talk(url, talk, TIMEOUT_SECONDS))

    @asynccontextmanager
    async def trickling(
        self, url: str, request: WebhookRequest, *, pause_seconds: float
    ) -> AsyncIterator[None]:
        """Send the body byte by byte while the block runs. Then close the connection."""

        async def talk(connection: Connection) -> Answer:
            await connection.write(request.head(connection.url))
            started.set()
            for position in range(len(request.body)):
                await connection.write(request.body[position : position + 1])
                await asyncio.sleep(pause_seconds)
            return Answer(error=AttemptError.CONNECTION_RESET)

        started = asyncio.Event()
        task = asyncio.create_task(self._talk(url, talk, 2 * TIMEOUT_SECONDS))
        try:
            waiting = asyncio.create_task(started.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def send_and_leave(
        self, url: str, request: WebhookRequest, then: Callable[[], Awaitable[None]]
    ) -> Exchange:
        """Send a whole request, call ``then``, and return what had come until it ended."""

        async def talk(connection: Connection) -> Answer:
            await connection.write(request.head(connection.url) + request.framed_body())
            await then()
            async with asyncio.timeout(1):
                return await connection.read_answer()

        return Exchange(request, await self._talk(url, talk, TIMEOUT_SECONDS))

    async def get(
        self, url: str, *, bearer: str = "", timeout_seconds: float = CONNECT_SECONDS
    ) -> Answer:
        """Get a small document, under the same guard."""
        headers = [("Accept", "application/json")]
        if bearer:
            headers.append(("Authorization", f"Bearer {bearer}"))
        request = WebhookRequest(tuple(headers), b"", method="GET")
        return (await self.send(url, request, timeout_seconds=timeout_seconds)).answer

    async def is_listening(self, url: str) -> Answer | None:
        """Return None if a connection can be opened, or the reason why not."""

        async def talk(_connection: Connection) -> Answer:
            return Answer(error=AttemptError.CONNECTION_RESET)

        answer = await self._talk(url, talk, CONNECT_SECONDS)
        return answer if answer.error in UNREACHABLE else None

    async def addresses(self, url: WebhookUrl) -> list[str]:
        """Return the addresses of a host, all of which the policy allows.

        Raise ``UrlRefused``, or ``OSError`` if the name does not resolve.
        """
        host = "localhost" if url.host == "localhost." else url.host
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            self._policy.check_address(ip_address(address), url.port)
        return addresses

    async def _talk(self, url: str, talk: Talk, timeout_seconds: float) -> Answer:
        """Connect and talk, with one deadline for both."""
        async with self._pacer.turn():
            started = time.perf_counter()
            try:
                async with asyncio.timeout(timeout_seconds):
                    answer = await self._connect_and_talk(url, talk)
            except _Unreachable as error:
                answer = Answer(error=error.reason, detail=str(error))
            except TimeoutError:
                seconds = f"{timeout_seconds:g}"
                answer = Answer(
                    error=AttemptError.RESPONSE_TIMEOUT, detail=f"none within {seconds} s"
                )
            except (OSError, EOFError) as error:
                answer = Answer(error=AttemptError.CONNECTION_RESET, detail=_detail(error))
            except (ValueError, asyncio.LimitOverrunError) as error:
                answer = Answer(error=AttemptError.PROTOCOL_ERROR, detail=_detail(error))
            return replace(answer, seconds=time.perf_counter() - started)

    async def _connect_and_talk(self, url: str, talk: Talk) -> Answer:
        async with AsyncExitStack() as stack:
            connection = await self._connect(url)
            stack.callback(_close, connection.writer)
            return await talk(connection)

    async def _connect(self, url: str) -> Connection:
        """Return a connection to the first address that takes it. Raise ``_Unreachable``."""
        try:
            self._policy.check(url)
            parts = parse_url(url)
            addresses = await self.addresses(parts)
        except UrlRefused as refusal:
            raise _Unreachable(AttemptError.BLOCKED_ADDRESS, str(refusal)) from None
        except (OSError, UnicodeError) as error:
            raise _Unreachable(AttemptError.DNS_ERROR, _detail(error)) from error
        last = _Unreachable(AttemptError.DNS_ERROR, "the name has no address")
        for address in addresses:
            try:
                return await self._open(parts, address)
            except _Unreachable as error:
                last = error
        raise last

    async def _open(self, url: WebhookUrl, address: str) -> Connection:
        secure: dict[str, Any] = {}
        if url.scheme == "https":
            secure = {"ssl": self._tls, "server_hostname": url.host.removesuffix(".")}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                streams = await asyncio.open_connection(
                    address, url.port, limit=MAX_HEAD_BYTES, **secure
                )
        except ssl.SSLError as error:
            raise _Unreachable(AttemptError.TLS_ERROR, _detail(error)) from error
        except ConnectionRefusedError as error:
            raise _Unreachable(AttemptError.CONNECTION_REFUSED, _detail(error)) from error
        except TimeoutError as error:
            raise _Unreachable(AttemptError.CONNECTION_TIMEOUT, _detail(error)) from error
        except OSError as error:
            raise _Unreachable(AttemptError.CONNECTION_REFUSED, _detail(error)) from error
        return Connection(url, *streams)


async def _write_while_reading(connection: Connection, data: bytes, method: str) -> Answer:
    """Send bytes and read the answer, which may come before all bytes are sent."""
    writing = asyncio.create_task(connection.write(data))
    try:
        return await connection.read_answer(method)
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


def _close(writer: asyncio.StreamWriter) -> None:
    # Not close: it would wait until what is left to send has been sent.
    writer.transport.abort()


def _detail(error: BaseException) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "the connection ended before the response did"
    return str(error) or type(error).__name__
