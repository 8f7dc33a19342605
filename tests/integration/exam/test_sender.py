"""The bare sender: which bytes it sends when, and what it makes of any answer."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest

from shop.exam.pacing import MAX_REQUESTS_AT_ONCE, MAX_REQUESTS_PER_SECOND, Pacer
from shop.exam.sender import MAX_BODY_BYTES, Sender
from shop.exam.wire import Framing, WebhookRequest
from shop.vocabulary import AttemptError
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.certificate import server_tls
from tests.raw_receiver import OK, Peer, running_raw_receiver
from tests.waiting import eventually

pytestmark = pytest.mark.one_database("needs the network alone")

REQUEST = WebhookRequest((("webhook-id", "msg_1"),), b'{"event":{}}', "msg_1")
Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def sender() -> Sender:
    return Sender(UrlPolicy())


@asynccontextmanager
async def serving(handle: Streams, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve connections with this function, in the event loop of the test."""
    handlers: set[asyncio.Task[None] | None] = set()

    async def handle_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        await handle(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle_and_close, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        await asyncio.gather(*filter(None, handlers), return_exceptions=True)


async def answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)


def answering(response: bytes) -> Any:
    return running_raw_receiver(lambda _number, peer: peer.write(response))


async def test_the_bytes_that_are_sent_are_those_of_the_request(sender: Sender) -> None:
    with answering(OK) as receiver:
        exchange = await sender.send(f"{receiver.url}/hook?x=%2F..", REQUEST)

    [(_number, sent)] = receiver.requests
    assert sent.startswith(b"POST /hook?x=%2F.. HTTP/1.1\r\nHost: 127.0.0.1:")
    assert sent.endswith(b"\r\n\r\n" + REQUEST.body)
    assert (exchange.answer.status, exchange.answer.body) == (200, b"ok")


async def test_a_chunked_body_arrives_in_chunks(sender: Sender) -> None:
    received = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received = await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(OK)

    async with serving(handle) as url:
        exchange = await sender.send(url, replace(REQUEST, framing=Framing.CHUNKED))

    assert exchange.answer.status == 200
    assert b"Transfer-Encoding: chunked\r\n\r\nc\r\n" + REQUEST.body in received


async def test_the_last_bytes_of_ten_copies_are_released_together(sender: Sender) -> None:
    connections = MAX_REQUESTS_AT_ONCE
    waiting = 0  # connections that have sent all but the last byte
    waiting_at_each_end: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(REQUEST.body) - 1)
        waiting += 1
        await reader.readexactly(1)
        waiting_at_each_end.append(waiting)
        writer.write(OK)

    async with serving(handle) as url:
        exchanges = await sender.send_together(url, [REQUEST] * connections)

    assert [each.answer.status for each in exchanges] == [200] * connections
    assert waiting_at_each_end == [connections] * connections


async def test_copies_to_a_receiver_that_is_gone_end(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/hook"

    exchanges = await sender.send_together(url, [REQUEST] * 3)

    assert {each.answer.error for each in exchanges} == {AttemptError.CONNECTION_REFUSED}


async def test_half_a_request_ends_with_a_closed_connection(sender: Sender) -> None:
    received: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(-1))

    async with serving(handle) as url:
        await sender.send_in_part(url, REQUEST, 5)
        await eventually(lambda: _value(received), "the connection was closed")

    assert received[0].endswith(b"\r\n\r\n" + REQUEST.body[:5])


async def test_a_trickling_body_comes_byte_by_byte_and_stops_with_the_block(sender: Sender) -> None:
    reads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while data := await reader.read(100):
            reads.append(data)
        reads.append(b"closed")

    async with serving(handle) as url:
        async with sender.trickling(url, REQUEST, pause_seconds=0.05):
            await eventually(lambda: _value(len(reads) >= 3), "three bytes have come")
        await eventually(lambda: _value(reads[-1] == b"closed"), "the connection is closed")

    assert reads[:3] == [b"{", b'"', b"e"]
    assert len(reads) < len(REQUEST.body)


async def test_a_receiver_that_never_answers_is_left_at_the_deadline(sender: Sender) -> None:
    with running_raw_receiver(lambda _number, _peer: None) as receiver:
        exchange = await sender.send(receiver.url, REQUEST, timeout_seconds=0.3)

    assert exchange.answer.error is AttemptError.RESPONSE_TIMEOUT


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", AttemptError.PROTOCOL_ERROR),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, AttemptError.PROTOCOL_ERROR),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", AttemptError.PROTOCOL_ERROR),
    ],
)
async def test_what_is_no_response_is_a_protocol_error(
    sender: Sender, response: bytes, error: AttemptError
) -> None:
    with answering(response) as receiver:
        exchange = await sender.send(receiver.url, REQUEST)

    assert exchange.answer.error is error


async def test_a_closed_connection_is_data(sender: Sender) -> None:
    def close(_number: int, peer: Peer) -> None:
        peer.reset()

    with running_raw_receiver(close) as receiver:
        exchange = await sender.send(receiver.url, REQUEST)

    assert exchange.answer.error is AttemptError.CONNECTION_RESET


async def test_a_connection_that_ends_early_is_named_in_plain_words(sender: Sender) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(REQUEST.body)
        writer.close()

    async with serving(handle) as url:
        exchange = await sender.send(url, REQUEST)

    assert exchange.answer.error is AttemptError.CONNECTION_RESET
    assert exchange.answer.detail == "the connection ended before the response did"


async def test_a_response_is_read_before_the_whole_request_is_sent(sender: Sender) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async with serving(handle) as url:
        exchange = await sender.send(url, replace(REQUEST, body=b"x" * 5_000_000))

    assert exchange.answer.status == 413


async def test_only_a_part_of_an_endless_body_is_read(sender: Sender) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000) as receiver:
        exchange = await sender.send(receiver.url, REQUEST)

    assert exchange.answer.status == 200
    assert len(exchange.answer.body) == MAX_BODY_BYTES


async def test_a_chunked_answer_is_decoded(sender: Sender) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n"
    request = WebhookRequest((), b"", method="GET")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(chunked)

    async with serving(handle) as url:
        exchange = await sender.send(url, request)

    assert exchange.answer.body == b"{}\n"


async def test_a_trusted_certificate_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = server_tls(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))

    async with serving(answer_ok, server) as url:
        exchange = await Sender(UrlPolicy()).send(url, REQUEST)

    assert (url[:6], exchange.answer.status) == ("https:", 200)


async def test_an_untrusted_certificate_is_a_tls_error(sender: Sender, tmp_path: Path) -> None:
    server, _certificate = server_tls(tmp_path)

    async with serving(answer_ok, server) as url:
        exchange = await sender.send(url, REQUEST)

    assert exchange.answer.error is AttemptError.TLS_ERROR
    assert "certificate" in exchange.answer.detail


async def test_https_to_a_plain_server_is_a_tls_error(sender: Sender) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(OK)

    async with serving(handle) as url:
        exchange = await sender.send(url.replace("http:", "https:"), REQUEST)

    assert exchange.answer.error is AttemptError.TLS_ERROR


async def test_a_name_that_leads_to_a_forbidden_address_gets_no_packet(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connected: list[str] = []

    async def resolve(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        both = ("93.184.216.34", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in both]

    async def connect(host: str, *_: object, **__: object) -> None:
        connected.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(asyncio, "open_connection", connect)

    exchange = await sender.send("https://rebound.example.com/hook", REQUEST)

    assert exchange.answer.error is AttemptError.BLOCKED_ADDRESS
    assert "10.0.0.1" in exchange.answer.detail
    assert (asked, connected) == (["rebound.example.com"], [])


async def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[tuple[str, str]] = []

    async def resolve(_host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    async def connect(host: str, *_: object, server_hostname: str, **__: object) -> None:
        connected.append((host, server_hostname))
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(asyncio, "open_connection", connect)

    await sender.send("https://example.com/hook", REQUEST)

    assert connected == [("93.184.216.34", "example.com")]


async def test_no_more_than_ten_requests_are_under_way_at_once() -> None:
    pacer, under_way, most = Pacer(), 0, 0
    release = asyncio.Event()

    async def turn() -> None:
        nonlocal under_way, most
        async with pacer.turn():
            under_way += 1
            most = max(most, under_way)
            await release.wait()
            under_way -= 1

    turns = [asyncio.create_task(turn()) for _ in range(MAX_REQUESTS_AT_ONCE + 3)]
    await eventually(lambda: _value(under_way == MAX_REQUESTS_AT_ONCE), "ten are under way")
    release.set()
    await asyncio.gather(*turns)

    assert most == MAX_REQUESTS_AT_ONCE


async def test_no_more_than_twenty_requests_begin_in_a_second() -> None:
    pacer, begun = Pacer(), []
    for _ in range(6):
        async with pacer.turn():
            begun.append(time.monotonic())

    assert begun[-1] - begun[0] >= 5 / MAX_REQUESTS_PER_SECOND - 0.005


async def _value(value: Any) -> Any:
    return value
