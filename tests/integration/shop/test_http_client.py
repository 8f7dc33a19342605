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


def answering(raw: bytes) -> Streams:
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


async def test_a_redirect_is_an_answer_and_is_not_followed(
    client: HttpClient, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.url}

    answer = await client.send(request(receiver.url))

    assert answer.status == 302
    assert len(receiver.requests) == 1


async def test_a_long_answer_is_cut_off_and_marked(client: HttpClient, receiver: Receiver) -> None:
    receiver.body = b"x" * (MAX_RESPONSE_BODY_BYTES + 1)

    answer = await client.send(request(receiver.url))

    assert answer.status == 200
    assert answer.body == b"x" * MAX_RESPONSE_BODY_BYTES
    assert answer.truncated


async def test_an_answer_of_just_the_limit_is_whole(client: HttpClient, receiver: Receiver) -> None:
    receiver.body = b"x" * MAX_RESPONSE_BODY_BYTES

    answer = await client.send(request(receiver.url))

    assert answer.body == receiver.body
    assert not answer.truncated


async def test_an_answer_that_trickles_does_not_escape_the_deadline(client: HttpClient) -> None:
    async with raw_server(trickle) as url:
        answer = await client.send(request(url))

    assert answer.status is None
    assert answer.error == "response_timeout"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "connection_reset"),
        (b"NONSENSE\r\n\r\n", "protocol_error"),
        (b"HTTP/1.1 999999 No\r\n\r\n", "protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000 + b"\r\n\r\n", "protocol_error"),
    ],
    ids=["closes without an answer", "not HTTP", "impossible status", "endless header"],
)
async def test_what_is_not_an_http_answer_has_a_name(
    raw: bytes, error: str, client: HttpClient
) -> None:
    async with raw_server(answering(raw)) as url:
        answer = await client.send(request(url))

    assert (answer.status, answer.error) == (None, error)


async def test_a_status_that_arrived_counts_even_if_the_body_breaks_off(client: HttpClient) -> None:
    broken_off = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"

    async with raw_server(answering(broken_off)) as url:
        answer = await client.send(request(url))

    assert answer.status == 200
    assert answer.error is None
    assert answer.truncated


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", 200),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 204),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n?", 202),
    ],
    ids=["too long", "without a body, but with one", "not chunked", "after an interim answer"],
)
async def test_a_status_that_arrived_counts_even_in_one_piece_with_what_is_not_http(
    raw: bytes, status: int, client: HttpClient
) -> None:
    async with raw_server(answering(raw)) as url:
        answer = await client.send(request(url))

    assert (answer.status, answer.error) == (status, None)


async def test_a_body_that_cannot_be_read_is_not_waited_for() -> None:
    patient = HttpClient(UrlPolicy(), timeout_seconds=60)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n")
        await reader.read()  # until the client disconnects

    async with raw_server(behave, reads=b"{}") as url:
        answer = await asyncio.wait_for(patient.send(request(url)), 5)
    await patient.close()

    assert answer.status == 200
    assert answer.truncated


async def test_a_header_that_is_there_twice_is_kept_whole(client: HttpClient) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: caf\xc3\xa9\r\nX-B: \xff\r\nContent-Length: 0\r\n\r\n"

    async with raw_server(answering(raw)) as url:
        answer = await client.send(request(url))

    assert answer.headers == {"x-a": "1, café", "x-b": "ÿ", "content-length": "0"}


async def test_a_refused_connection_has_a_name(client: HttpClient) -> None:
    async with raw_server(answering(b"")) as url:
        pass  # the port was just free, and is free again

    answer = await client.send(request(url))

    assert answer.error == "connection_refused"


async def test_a_name_that_does_not_resolve_has_a_name(client: HttpClient) -> None:
    answer = await client.send(request("http://nowhere.invalid/"))

    assert answer.error == "dns_error"


async def test_https_to_a_plain_server_is_a_tls_error(client: HttpClient) -> None:
    async with raw_server(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=b"") as url:
        answer = await client.send(request(url.replace("http:", "https:")))

    assert answer.error == "tls_error"


async def test_endless_interim_answers_do_not_escape_the_deadline(client: HttpClient) -> None:
    async with raw_server(repeating(b"HTTP/1.1 100 Continue\r\n\r\n")) as url:
        answer = await client.send(request(url))

    assert answer.error == "response_timeout"
    assert answer.duration_ms < 2000


async def test_an_endless_answer_is_cut_off_and_its_connection_closed(client: HttpClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    closed = asyncio.Event()

    async with raw_server(repeating(b"x" * 65536, head=head, closed=closed)) as url:
        answer = await client.send(request(url))
        await asyncio.wait_for(closed.wait(), 5)

    assert answer.status == 200
    assert len(answer.body or b"") == MAX_RESPONSE_BODY_BYTES
    assert answer.truncated


async def test_a_compressed_answer_is_kept_as_it_came(
    client: HttpClient, receiver: Receiver
) -> None:
    receiver.headers = {"Content-Encoding": "gzip"}
    receiver.body = gzip.compress(b"0" * 10_000_000)

    answer = await client.send(request(receiver.url))

    assert answer.body == receiver.body


async def test_a_new_connection_and_a_reused_one_are_told_apart(client: HttpClient) -> None:
    async with keeping_open() as url:
        first = await client.send(request(url))
        second = await client.send(request(url))

    assert first.timings
    assert second.timings
    assert first.timings["reused_connection"] is False
    assert {"connecting_ms", "waiting_ms", "reading_ms"} <= first.timings.keys()
    assert second.timings["reused_connection"] is True
    assert "connecting_ms" not in second.timings


async def test_looking_up_a_name_is_measured_and_an_address_needs_none(
    client: HttpClient, receiver: Receiver
) -> None:
    by_address = await client.send(request(receiver.url))
    by_name = await client.send(request(receiver.url.replace("127.0.0.1", "localhost")))

    assert by_address.timings
    assert by_name.timings
    assert "lookup_ms" not in by_address.timings
    assert by_name.timings["lookup_ms"] >= 0


async def test_the_phases_add_up_to_no_more_than_the_whole(
    client: HttpClient, receiver: Receiver
) -> None:
    answer = await client.send(request(receiver.url))

    assert answer.timings
    phases = [value for name, value in answer.timings.items() if name.endswith("_ms")]
    assert 0 < sum(phases) <= answer.duration_ms + 1  # which is rounded


async def test_an_answer_that_never_comes_was_waited_for_until_the_deadline(
    client: HttpClient,
) -> None:
    async with raw_server(trickle) as url:
        answer = await client.send(request(url))

    assert answer.timings
    assert answer.timings["waiting_ms"] >= 400
    assert "reading_ms" not in answer.timings


async def test_a_connection_that_did_not_come_about_is_all_that_is_known(
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
