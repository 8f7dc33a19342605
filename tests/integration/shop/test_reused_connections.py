"""An answer counts for the request that it answers, and a dead connection costs no endpoint."""

import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest
from shop.webhooks.rules.url_policy import UrlPolicy
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
    """Answer the first request with these bytes; leave all others to ``later``."""

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
    """A whole exchange with somebody else: what lay in the sockets before has been read by then."""
    await client.send(request(other.url))


@pytest.mark.parametrize("stale", [OK, OK[:12], b"\r\n"], ids=["answer", "part of one", "a line"])
@pytest.mark.parametrize("is_read", [True, False], ids=["read by the loop", "not read yet"])
async def test_what_arrived_on_an_idle_connection_is_not_the_answer_to_the_next_request(
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


async def test_one_endpoint_cannot_answer_for_another_on_the_same_host_and_port(
    client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK, fail)) as raw:
        await client.send(request(f"{raw.url}/mine"))
        raw.peers.get().write(OK)
        answer = await client.send(request(f"{raw.url}/theirs"))

    assert answer.status == 500
    assert raw.request_lines() == ["POST /mine HTTP/1.1", "POST /theirs HTTP/1.1"]


async def test_a_second_answer_in_one_piece_with_the_first_counts_for_nothing(
    client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK + OK, fail)) as raw:
        first = await client.send(request(raw.url))
        second = await client.send(request(raw.url))

    assert (first.status, second.status) == (200, 500)


async def test_over_tls_a_stale_answer_is_not_taken_either(
    tls: ssl.SSLContext, receiver: Receiver
) -> None:
    has_answer, has_stale_answer = Event(), Event()

    def respond(number: int, peer: Peer) -> None:
        peer.write(OK if number == 1 else FAILED)
        if number == 2:
            has_answer.wait(5)
            peer.write(OK)
            has_stale_answer.set()

    client = HttpClient(UrlPolicy(), timeout_seconds=5)
    with running_raw_receiver(
        respond, wrap=lambda plain: tls.wrap_socket(plain, server_side=True)
    ) as raw:
        url = raw.url.replace("http:", "https:")
        await client.send(request(url))
        reused = await client.send(request(url))
        has_answer.set()
        has_stale_answer.wait(5)
        await let_the_event_loop_read(client, receiver)
        answer = await client.send(request(url))
    await client.close()

    assert [connection for connection, _ in raw.requests] == [1, 1, 2]
    assert (reused.status, answer.status) == (500, 500)


@pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["closed", "reset"])
async def test_a_connection_that_ended_while_it_was_idle_is_not_used(
    end: Callable[[Peer], None], client: HttpClient
) -> None:
    has_answer, has_ended = Event(), Event()

    def answer_then_end(number: int, peer: Peer) -> None:
        peer.write(OK)
        if number == 1:
            has_answer.wait(5)
            end(peer)
            has_ended.set()

    with running_raw_receiver(answer_then_end) as raw:
        await client.send(request(raw.url))
        has_answer.set()
        has_ended.wait(5)  # the event loop stands still: it has not noticed
        answer = await client.send(request(raw.url))

    assert answer.status == 200
    assert answer.timings
    assert answer.timings["reused_connection"] is False


@pytest.mark.parametrize("lose", [close, reset])
async def test_a_reused_connection_lost_before_a_byte_of_the_answer_is_told_apart(
    lose: Respond, client: HttpClient
) -> None:
    with running_raw_receiver(once(OK, lose)) as raw:
        first = await client.send(request(raw.url))
        second = await client.send(request(raw.url))

    assert not first.connection_lost_on_reuse
    assert second.error == "connection_reset"
    assert second.connection_lost_on_reuse


@pytest.mark.parametrize("lose", [close, reset])
async def test_a_fresh_connection_that_is_lost_is_the_receivers_fault(
    lose: Respond, client: HttpClient
) -> None:
    with running_raw_receiver(lose) as raw:
        answer = await client.send(request(raw.url))

    assert answer.error == "connection_reset"
    assert not answer.connection_lost_on_reuse


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_reused_connection_lost_after_a_byte_of_the_answer_is_the_receivers_fault(
    begun: bytes, client: HttpClient
) -> None:
    def begin_and_close(_number: int, peer: Peer) -> None:
        peer.write(begun)
        peer.close()

    with running_raw_receiver(once(OK, begin_and_close)) as raw:
        await client.send(request(raw.url))
        answer = await client.send(request(raw.url))

    assert answer.error in {"connection_reset", "protocol_error"}
    assert not answer.connection_lost_on_reuse


async def test_a_time_out_on_a_reused_connection_is_the_receivers_fault(
    impatient_client: HttpClient,
) -> None:
    with running_raw_receiver(once(OK, stay_silent)) as raw:
        await impatient_client.send(request(raw.url))
        answer = await impatient_client.send(request(raw.url))

    assert answer.error == "response_timeout"
    assert not answer.connection_lost_on_reuse


async def test_a_request_that_needs_a_fresh_connection_gets_one(client: HttpClient) -> None:
    with running_raw_receiver() as raw:
        await client.send(request(raw.url))
        await client.send(request(raw.url))
        answer = await client.send(request(raw.url, fresh_connection=True))

    assert [connection for connection, _ in raw.requests] == [1, 1, 2]
    assert answer.timings
    assert answer.timings["reused_connection"] is False


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context with a certificate that the client trusts as it does public ones."""
    file = tmp_path / "server.pem"
    file.write_bytes(_certificate())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    monkeypatch.setattr(certifi, "where", lambda: str(file))
    return server


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
