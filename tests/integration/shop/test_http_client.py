"""Responses of every kind, and the errors of receivers that violate HTTP."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from shop.webhooks.engine.http_client import MAX_RESPONSE_BODY_BYTES, HttpClient, OutgoingRequest
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.receiver import Receiver

pytestmark = pytest.mark.one_database("needs the network alone")

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(UrlPolicy(), timeout_seconds=30)
    yield client
    await client.close()


@pytest.fixture
async def impatient_client() -> AsyncIterator[HttpClient]:
    client = HttpClient(UrlPolicy(), timeout_seconds=0.5)
    yield client
    await client.close()


def request(url: str) -> OutgoingRequest:
    return OutgoingRequest(url, {"Content-Type": "application/json"}, b"{}")


@asynccontextmanager
async def raw_server(behave: Streams, reads: bytes = b"\r\n\r\n") -> AsyncIterator[str]:
    """A receiver that may violate HTTP. It calls ``behave`` after it has read up to ``reads``."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            await reader.readuntil(reads)
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def responding(raw: bytes) -> Streams:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


def repeating(raw: bytes, head: bytes = b"", closed: asyncio.Event | None = None) -> Streams:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(raw)
                await writer.drain()
                await asyncio.sleep(0)
        if closed:
            closed.set()

    return behave


async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send bytes slowly, so that no single read ever times out."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_redirect_is_not_followed(client: HttpClient, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.url}

    response = await client.send(request(receiver.url))

    assert response.status == 302
    assert len(receiver.requests) == 1


async def test_a_long_body_is_truncated(client: HttpClient, receiver: Receiver) -> None:
    receiver.body = b"x" * (MAX_RESPONSE_BODY_BYTES + 1)

    response = await client.send(request(receiver.url))

    assert response.status == 200
    assert response.body == b"x" * MAX_RESPONSE_BODY_BYTES
    assert response.truncated


async def test_a_body_of_the_maximum_size_is_kept(client: HttpClient, receiver: Receiver) -> None:
    receiver.body = b"x" * MAX_RESPONSE_BODY_BYTES

    response = await client.send(request(receiver.url))

    assert response.body == receiver.body
    assert not response.truncated


async def test_the_deadline_also_ends_a_response_that_trickles(
    impatient_client: HttpClient,
) -> None:
    async with raw_server(trickle) as url:
        response = await impatient_client.send(request(url))

    assert response.status is None
    assert response.error == "response_timeout"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "connection_reset"),
        (b"NONSENSE\r\n\r\n", "protocol_error"),
        (b"HTTP/1.1 999999 No\r\n\r\n", "protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000 + b"\r\n\r\n", "protocol_error"),
    ],
    ids=["closes without a response", "not HTTP", "impossible status", "endless header"],
)
async def test_a_malformed_response_is_a_named_error(
    raw: bytes, error: str, client: HttpClient
) -> None:
    async with raw_server(responding(raw)) as url:
        response = await client.send(request(url))

    assert (response.status, response.error) == (None, error)


async def test_a_status_counts_even_if_the_body_is_incomplete(client: HttpClient) -> None:
    incomplete = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"

    async with raw_server(responding(incomplete)) as url:
        response = await client.send(request(url))

    assert response.status == 200
    assert response.error is None
    assert response.truncated


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", 200),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 204),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n?", 202),
    ],
    ids=["too long", "a body after 204", "not chunked", "after an interim response"],
)
async def test_a_status_counts_even_if_malformed_data_arrives_with_it(
    raw: bytes, status: int, client: HttpClient
) -> None:
    async with raw_server(responding(raw)) as url:
        response = await client.send(request(url))

    assert (response.status, response.error) == (status, None)


async def test_the_client_does_not_wait_for_a_malformed_body() -> None:
    patient = HttpClient(UrlPolicy(), timeout_seconds=60)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n")
        await reader.read()  # until the client disconnects

    async with raw_server(behave, reads=b"{}") as url:
        response = await asyncio.wait_for(patient.send(request(url)), 5)
    await patient.close()

    assert response.status == 200
    assert response.truncated


async def test_all_values_of_a_repeated_header_are_kept(client: HttpClient) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: caf\xc3\xa9\r\nX-B: \xff\r\nContent-Length: 0\r\n\r\n"

    async with raw_server(responding(raw)) as url:
        response = await client.send(request(url))

    assert response.headers == {"x-a": "1, café", "x-b": "ÿ", "content-length": "0"}


async def test_a_refused_connection_is_a_named_error(client: HttpClient) -> None:
    async with raw_server(responding(b"")) as url:
        pass  # now nothing listens on the port

    response = await client.send(request(url))

    assert response.error == "connection_refused"


async def test_a_name_that_does_not_resolve_is_a_dns_error(client: HttpClient) -> None:
    response = await client.send(request("http://nowhere.invalid/"))

    assert response.error == "dns_error"


async def test_https_to_a_plain_server_is_a_tls_error(client: HttpClient) -> None:
    async with raw_server(responding(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=b"") as url:
        response = await client.send(request(url.replace("http:", "https:")))

    assert response.error == "tls_error"


async def test_the_deadline_also_ends_endless_interim_responses(
    impatient_client: HttpClient,
) -> None:
    async with raw_server(repeating(b"HTTP/1.1 100 Continue\r\n\r\n")) as url:
        response = await impatient_client.send(request(url))

    assert response.error == "response_timeout"


async def test_an_endless_body_is_truncated_and_its_connection_closed(client: HttpClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    closed = asyncio.Event()

    async with raw_server(repeating(b"x" * 65536, head=head, closed=closed)) as url:
        response = await client.send(request(url))
        await asyncio.wait_for(closed.wait(), 5)

    assert response.status == 200
    assert len(response.body or b"") == MAX_RESPONSE_BODY_BYTES
    assert response.truncated


async def test_a_compressed_body_is_not_decompressed(
    client: HttpClient, receiver: Receiver
) -> None:
    receiver.headers = {"Content-Encoding": "gzip"}
    receiver.body = gzip.compress(b"0" * 10_000_000)

    response = await client.send(request(receiver.url))

    assert response.body == receiver.body


async def test_timings_say_whether_the_connection_was_reused(client: HttpClient) -> None:
    async with keeping_open() as url:
        first = await client.send(request(url))
        second = await client.send(request(url))

    assert first.timings
    assert second.timings
    assert first.timings["reused_connection"] is False
    assert {"connecting_ms", "waiting_ms", "reading_ms"} <= first.timings.keys()
    assert second.timings["reused_connection"] is True
    assert "connecting_ms" not in second.timings


async def test_timings_have_a_lookup_for_a_name_and_none_for_an_address(
    client: HttpClient, receiver: Receiver
) -> None:
    by_address = await client.send(request(receiver.url))
    by_name = await client.send(request(receiver.url.replace("127.0.0.1", "localhost")))

    assert by_address.timings
    assert by_name.timings
    assert "lookup_ms" not in by_address.timings
    assert by_name.timings["lookup_ms"] >= 0


async def test_the_phases_are_not_longer_than_the_whole_duration(
    client: HttpClient, receiver: Receiver
) -> None:
    response = await client.send(request(receiver.url))

    assert response.timings
    phases = [value for name, value in response.timings.items() if name.endswith("_ms")]
    assert 0 < sum(phases) <= response.duration_ms + 1  # the duration is rounded


async def test_timings_of_a_response_timeout_end_with_waiting(
    impatient_client: HttpClient,
) -> None:
    async with raw_server(trickle) as url:
        response = await impatient_client.send(request(url))

    assert response.timings
    assert response.timings["waiting_ms"] >= 400
    assert "reading_ms" not in response.timings


async def test_timings_of_a_failed_connection_end_with_connecting(
    client: HttpClient,
) -> None:
    refused = await client.send(request("http://127.0.0.1:1025/nobody"))
    unknown = await client.send(request("http://nowhere.invalid/"))

    assert refused.timings
    assert refused.timings.keys() == {"connecting_ms", "reused_connection"}
    assert unknown.timings
    assert {"lookup_ms", "reused_connection"} <= unknown.timings.keys()
    assert "waiting_ms" not in unknown.timings


@asynccontextmanager
async def keeping_open() -> AsyncIterator[str]:
    """A receiver that responds to each request on the same connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"{}"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
