"""Stale data on a reused connection is ignored; its loss does not count against the endpoint."""

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event

import certifi
import pytest

from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.certificate import server_tls
from tests.raw_receiver import FAILED, OK, Peer, running_raw_receiver
from tests.receiver import Receiver

pytestmark = pytest.mark.one_database("needs the network alone")

Respond = Callable[[int, Peer], None]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(UrlPolicy(), timeout_seconds=5)
    yield client
    await client.close()


@pytest.fixture
async def impatient_client() -> AsyncIterator[HttpClient]:
    client = HttpClient(UrlPolicy(), timeout_seconds=0.3)
    yield client
    await client.close()


def request(url: str, *, fresh_connection: bool = False) -> OutgoingRequest:
    headers = {"Content-Type": "application/json"}
    return OutgoingRequest(url, headers, b"{}", fresh_connection=fresh_connection)


def once(first: bytes, later: Respond) -> Respond:
    """Respond to the first request with these bytes, and to all others with ``later``."""

    def respond(number: int, peer: Peer) -> None:
        if number == 1:
            peer.write(first)
        else:
            later(number, peer)

    return respond


def fail(_number: int, peer: Peer) -> None:
    peer.write(FAILED)


def close(_number: int, peer: Peer) -> None:
    peer.close()


def reset(_number: int, peer: Peer) -> None:
    peer.reset()


def stay_silent(_number: int, _peer: Peer) -> None:
    pass


async def let_the_event_loop_read(client: HttpClient, other: Receiver) -> None:
    """Send a request to another receiver. Meanwhile, the event loop reads from all sockets."""
    await client.send(request(other.url))


@pytest.mark.parametrize("stale", [OK, OK[:12], b"\r\n"], ids=["response", "part of one", "a line"])
@pytest.mark.parametrize("is_read", [True, False], ids=["read by the loop", "not read yet"])
async def test_data_that_arrived_on_an_idle_connection_is_not_the_next_response(
    *, is_read: bool, stale: bytes, client: HttpClient, receiver: Receiver
) -> None:
    with running_raw_receiver(once(OK, fail)) as raw:
        first = await client.send(request(raw.url))
        raw.peers.get().write(stale)
        if is_read:
            await let_the_event_loop_read(client, receiver)
        second = await client.send(request(raw.url))

    assert (first.status, second.status) == (200, 500)
    assert [connection for connection, _ in raw.requests] == [1, 2]


async def test_one_endpoint_cannot_respond_for_another_on_the_same_host_and_port(
    client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK, fail)) as raw:
        await client.send(request(f"{raw.url}/mine"))
        raw.peers.get().write(OK)
        response = await client.send(request(f"{raw.url}/theirs"))

    assert response.status == 500
    assert raw.request_lines() == ["POST /mine HTTP/1.1", "POST /theirs HTTP/1.1"]


async def test_a_second_response_that_arrives_with_the_first_is_ignored(
    client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK + OK, fail)) as raw:
        first = await client.send(request(raw.url))
        second = await client.send(request(raw.url))

    assert (first.status, second.status) == (200, 500)


async def test_a_stale_response_over_tls_is_ignored(
    tls: ssl.SSLContext, receiver: Receiver
) -> None:
    has_response, has_stale_response = Event(), Event()

    def respond(number: int, peer: Peer) -> None:
        peer.write(OK if number == 1 else FAILED)
        if number == 2:
            has_response.wait(5)
            peer.write(OK)
            has_stale_response.set()

    client = HttpClient(UrlPolicy(), timeout_seconds=5)
    with running_raw_receiver(
        respond, wrap=lambda plain: tls.wrap_socket(plain, server_side=True)
    ) as raw:
        url = raw.url.replace("http:", "https:")
        await client.send(request(url))
        reused = await client.send(request(url))
        has_response.set()
        has_stale_response.wait(5)
        await let_the_event_loop_read(client, receiver)
        response = await client.send(request(url))
    await client.close()

    assert [connection for connection, _ in raw.requests] == [1, 1, 2]
    assert (reused.status, response.status) == (500, 500)


@pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["closed", "reset"])
async def test_a_connection_closed_while_idle_is_not_reused(
    end: Callable[[Peer], None], client: HttpClient
) -> None:
    has_response, has_ended = Event(), Event()

    def respond_then_end(number: int, peer: Peer) -> None:
        peer.write(OK)
        if number == 1:
            has_response.wait(5)
            end(peer)
            has_ended.set()

    with running_raw_receiver(respond_then_end) as raw:
        await client.send(request(raw.url))
        has_response.set()
        has_ended.wait(5)  # blocks the event loop, which does not notice the end
        response = await client.send(request(raw.url))

    assert response.status == 200
    assert response.timings
    assert response.timings["reused_connection"] is False


@pytest.mark.parametrize("lose", [close, reset])
async def test_a_reused_connection_lost_before_the_response_is_marked(
    lose: Respond, client: HttpClient
) -> None:
    with running_raw_receiver(once(OK, lose)) as raw:
        first = await client.send(request(raw.url))
        second = await client.send(request(raw.url))

    assert not first.connection_lost_on_reuse
    assert second.error == "connection_reset"
    assert second.connection_lost_on_reuse


@pytest.mark.parametrize("lose", [close, reset])
async def test_a_lost_fresh_connection_is_the_receivers_fault(
    lose: Respond, client: HttpClient
) -> None:
    with running_raw_receiver(lose) as raw:
        response = await client.send(request(raw.url))

    assert response.error == "connection_reset"
    assert not response.connection_lost_on_reuse


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_reused_connection_lost_during_the_response_is_the_receivers_fault(
    begun: bytes, client: HttpClient
) -> None:
    def begin_and_close(_number: int, peer: Peer) -> None:
        peer.write(begun)
        peer.close()

    with running_raw_receiver(once(OK, begin_and_close)) as raw:
        await client.send(request(raw.url))
        response = await client.send(request(raw.url))

    assert response.error in {"connection_reset", "protocol_error"}
    assert not response.connection_lost_on_reuse


async def test_a_timeout_on_a_reused_connection_is_the_receivers_fault(
    impatient_client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK, stay_silent)) as raw:
        await impatient_client.send(request(raw.url))
        response = await impatient_client.send(request(raw.url))

    assert response.error == "response_timeout"
    assert not response.connection_lost_on_reuse


async def test_a_request_that_needs_a_fresh_connection_gets_one(client: HttpClient) -> None:
    with running_raw_receiver() as raw:
        await client.send(request(raw.url))
        await client.send(request(raw.url))
        response = await client.send(request(raw.url, fresh_connection=True))

    assert [connection for connection, _ in raw.requests] == [1, 1, 2]
    assert response.timings
    assert response.timings["reused_connection"] is False


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS context with a certificate that the client trusts."""
    server, file = server_tls(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(file))
    return server
