"""The kit's server records, verifies and answers webhooks, and fails by script."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hookshop.testing.fault_script import parse_script
from hookshop.testing.naive import Defense, NaiveReceiver
from hookshop.testing.webhook_server import (
    MAX_BODY_BYTES,
    ReceivedWebhook,
    Subscription,
    WebhookServer,
)
from tests.integration.subscriber.signer import SECRET, SHOP_URL, Delivery

PATH = "/hook?a=1"
REQUEST_SECONDS = 10


@contextmanager
def serving(
    faults: str = "200", naive: NaiveReceiver | None = None
) -> Iterator[tuple[WebhookServer, list[ReceivedWebhook]]]:
    received: list[ReceivedWebhook] = []
    server = WebhookServer(received.append, faults=parse_script(faults), naive=naive)
    server.subscription = Subscription("ep_1", (SECRET,), url_of(server), SHOP_URL)
    server.start()
    try:
        yield server, received
    finally:
        server.stop()


def url_of(server: WebhookServer) -> str:
    return f"http://127.0.0.1:{server.port}{PATH}"


def genuine(server: WebhookServer) -> Delivery:
    return Delivery(timestamp=int(time.time()), audience=url_of(server))


@contextmanager
def connected(server: WebhookServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=REQUEST_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def exchange(
    connection: http.client.HTTPConnection, delivery: Delivery
) -> http.client.HTTPResponse:
    connection.request("POST", PATH, delivery.body, dict(delivery.headers()))
    response = connection.getresponse()
    response.read()
    return response


def send(server: WebhookServer, delivery: Delivery) -> http.client.HTTPResponse:
    with connected(server) as connection:
        return exchange(connection, delivery)


def test_a_genuine_webhook_is_accepted_and_kept_as_it_came() -> None:
    with serving() as (server, received):
        delivery = genuine(server)

        response = send(server, delivery)

    [webhook] = received
    assert (response.status, webhook.status, webhook.fault) == (204, 204, None)
    assert webhook.verification
    assert webhook.verification.is_genuine
    assert (webhook.path, webhook.body, webhook.message_id) == (PATH, delivery.body, "msg_1")
    assert webhook.event
    assert webhook.event["order_id"] == "ord_1"
    assert webhook.raw.startswith(f"POST {PATH} HTTP/1.1\r\n".encode())
    assert webhook.raw.endswith(b"\r\n\r\n" + delivery.body)
    assert f"webhook-signature: {delivery.signature}\r\n".encode() in webhook.raw


def test_a_forged_webhook_is_rejected_with_401() -> None:
    with serving() as (server, received):
        forged = Delivery(timestamp=int(time.time()), audience="http://127.0.0.1:1/")

        assert send(server, forged).status == 401

    assert received[0].verification
    failure = received[0].verification.failure
    assert failure
    assert failure.reason == "token_audience"


def test_before_the_registration_nothing_is_genuine() -> None:
    with serving() as (server, _received):
        server.subscription = None

        assert send(server, genuine(server)).status == 401


def test_requests_on_one_connection_are_kept_apart() -> None:
    with serving() as (server, received), connected(server) as connection:
        delivery = genuine(server)

        statuses = [exchange(connection, delivery).status for _ in range(2)]

    assert statuses == [204, 204]
    assert received[0].raw == received[1].raw


def test_a_script_is_followed_word_by_word_and_then_responses_are_normal() -> None:
    with serving("503 429:5 302 accept_then_500 200") as (server, received):
        delivery = genuine(server)

        responses = [send(server, delivery) for _ in range(6)]

    assert [response.status for response in responses] == [503, 429, 302, 500, 204, 204]
    assert responses[1].headers["Retry-After"] == "5"
    assert responses[2].headers["Location"] == "/"
    assert [webhook.fault for webhook in received] == [
        *("503", "429:5", "302", "accept_then_500", None, None)
    ]
    verified = [webhook.verification is not None for webhook in received]
    assert verified == [False, False, False, True, True, True]


def test_faults_can_be_added_while_it_serves() -> None:
    with serving() as (server, _received):
        delivery = genuine(server)
        server.fail_next(parse_script("410"))

        assert [send(server, delivery).status for _ in range(3)] == [204, 410, 204]


def test_a_dropped_connection_is_reset() -> None:
    with serving("drop") as (server, received), pytest.raises(ConnectionResetError):
        send(server, genuine(server))

    assert (received[0].fault, received[0].status) == ("drop", None)


def test_a_slow_response_is_normal_and_late() -> None:
    with serving("slow:1") as (server, received):
        before = time.monotonic()

        assert send(server, genuine(server)).status == 204

    assert time.monotonic() - before >= 1
    assert received[0].verification


def test_stopping_ends_a_request_that_gets_no_response() -> None:
    with serving("timeout") as (server, received), connected(server) as connection:
        delivery = genuine(server)
        connection.request("POST", PATH, delivery.body, dict(delivery.headers()))
        connection.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.sock.recv(1)
        connection.sock.settimeout(REQUEST_SECONDS)

        server.stop()

        with pytest.raises(ConnectionResetError):
            connection.sock.recv(1)
    assert received[0].status is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Transfer-Encoding: chunked"], 411),
        (["Content-Length: many"], 411),
        ([f"Content-Length: {MAX_BODY_BYTES + 1}"], 413),
        (["Content-Length: " + "9" * 5000], 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(headers: list[str], status: int) -> None:
    with serving() as (server, received), connected(server) as connection:
        connection.connect()
        connection.sock.sendall("\r\n".join(["POST / HTTP/1.1", *headers, "", ""]).encode())
        answer = connection.sock.recv(1024)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert received == []


def test_it_listens_at_an_address_of_ipv6() -> None:
    server = WebhookServer(print, host="::1")
    server.start()
    connection = http.client.HTTPConnection("::1", server.port, timeout=REQUEST_SECONDS)
    delivery = Delivery()

    assert exchange(connection, delivery).status == 401

    connection.close()
    server.stop()


def test_a_taken_port_is_an_error_at_once() -> None:
    with serving() as (server, _received), pytest.raises(OSError, match="in use"):
        WebhookServer(print, port=server.port)


def test_a_naive_receiver_believes_a_forgery_until_its_defense_is_on() -> None:
    with serving(naive=NaiveReceiver()) as (server, received):
        forged = Delivery(timestamp=int(time.time()), audience="http://127.0.0.1:1/")

        believed = [send(server, forged).status for _ in range(2)]
        switched = ask(server, "PATCH", "/defenses", {"token": True, "deduplication": True})
        rejected = send(server, forged).status
        effects = ask(server, "GET", "/effects?message_id=msg_1")
        order = ask(server, "GET", "/effects?order_id=ord_1")

    assert (believed, rejected) == ([204, 204], 401)
    assert [webhook.booked for webhook in received] == [1, 2, None]
    assert switched == (200, dict.fromkeys(Defense, False) | {"token": True, "deduplication": True})
    assert effects == (200, {"times": 2, "value": 2 * 50.75})
    assert order == (200, {"state": "created"})


def test_a_naive_receiver_refuses_an_unknown_defense_and_another_path() -> None:
    with serving(naive=NaiveReceiver()) as (server, _received):
        assert ask(server, "PATCH", "/defenses", {"banana": True})[0] == 422
        assert ask(server, "PATCH", "/defenses", "junk")[0] == 422
        assert ask(server, "GET", "/defenses") == (200, dict.fromkeys(Defense, False))
        assert ask(server, "GET", "/effects")[0] == 404


def test_another_receiver_is_asked_in_vain() -> None:
    with serving() as (server, _received):
        assert ask(server, "GET", "/effects?message_id=msg_1")[0] == 501
        assert ask(server, "PATCH", "/defenses", {"token": True})[0] == 501


def ask(
    server: WebhookServer, method: str, path: str, document: object = None
) -> tuple[int, object]:
    with connected(server) as connection:
        connection.request(method, path, json.dumps(document) if document else None)
        response = connection.getresponse()
        body = response.read()
        is_json = response.headers.get("Content-Type") == "application/json"
        return response.status, json.loads(body) if is_json else None
