"""Bodies that are too long or never end, which need a real server and a real socket."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from hookshop.webkit import request_queue
from subscriber_app.app import create_app
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client, Clock, remember_subscription
from tests.integration.subscriber.requests import deliver, receipts, send, stats, totals
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.signer import Delivery, purchase
from tests.waiting import eventually

ABORTED = 30


@pytest.fixture
async def subscriber(settings: Settings, clock: Clock) -> AsyncIterator[Client]:
    """The application on a socket, subscribed."""
    async with serving(create_app(settings, now=clock)) as client:
        await remember_subscription(settings, clock())
        yield client


async def send_raw(subscriber: Client, request: bytes) -> asyncio.StreamReader:
    """Send some bytes and disconnect."""
    url = subscriber.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    return reader


def head(*lines: str) -> bytes:
    headers = [f"{name}: {value}" for name, value in Delivery().headers()]
    return "\r\n".join(
        ["POST /v1/new-purchase HTTP/1.1", "Host: x", *headers, *lines, "", ""]
    ).encode()


async def test_a_genuine_webhook_is_booked(subscriber: Client) -> None:
    assert (await deliver(subscriber)).status_code == 200
    assert await stats(subscriber) == totals(accepted=1, purchases=1, revenue_cents=5075)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["announced", "in pieces"])
@pytest.mark.parametrize("size", [256 * 1024, 20_000_000])
async def test_a_body_that_is_too_large_is_rejected_with_a_response(
    size: int, subscriber: Client, *, is_chunked: bool
) -> None:
    delivery = Delivery(body=purchase(note="x" * size))

    answer = await send(subscriber, delivery.headers(), delivery.body, is_chunked=is_chunked)

    assert answer.status_code == 413
    assert answer.json()["reason"] == "too_large"
    assert await stats(subscriber) == totals(rejected=1)
    assert (await deliver(subscriber)).status_code == 200  # on a new connection


@pytest.mark.parametrize(
    "lines",
    [("Content-Length: 1000",), ("Transfer-Encoding: chunked",)],
    ids=["announced", "in pieces"],
)
async def test_a_sender_that_disconnects_in_the_body_leaves_a_receipt_and_no_traceback(
    lines: tuple[str], subscriber: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    await send_raw(subscriber, head(*lines) + b'8\r\n{"event"\r\n')

    async def first_receipt() -> list[dict[str, object]]:
        return await receipts(subscriber)

    [receipt] = await eventually(first_receipt, "the receipt of the broken request")
    assert (receipt["verdict"], receipt["reason"]) == ("rejected", "incomplete")
    assert '{"event"' in str(receipt["body"])
    assert "rejected (incomplete) → 400" in caplog.text
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert await stats(subscriber) == totals(rejected=1)


async def test_two_ids_in_one_request_are_rejected(subscriber: Client) -> None:
    headers = [*Delivery().headers(), ("Webhook-Id", "msg_2")]

    answer = await send(subscriber, headers, Delivery().body)

    assert answer.status_code == 400
    assert answer.json()["reason"] == "duplicate_header"


async def test_headers_beyond_the_servers_limit_are_refused_without_a_crash(
    subscriber: Client, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = " ".join(["v1," + "A" * 43 + "="] * 10_000)

    with contextlib.suppress(httpx.TransportError):  # it may disconnect before the response is read
        answer = await deliver(subscriber, webhook_signature=wrong)
        assert answer.status_code in {400, 431}

    assert "Traceback" not in caplog.text
    assert (await deliver(subscriber)).status_code == 200


async def test_pages_are_not_computed_for_clients_that_have_gone(
    settings: Settings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(request_queue, "MAX_CONCURRENT", 0)  # as if all slots were taken

    async with serving(create_app(settings, now=clock)) as subscriber:
        for _ in range(ABORTED):
            await send_raw(subscriber, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

        async def are_dropped() -> bool:
            return caplog.text.count("GET / → no answer") == ABORTED

        await eventually(are_dropped, "the requests are dropped")

    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_aborted_streams_leave_no_error(
    subscriber: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    request = b"GET /receipts/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(ABORTED):
        await send_raw(subscriber, request)
        await deliver(subscriber)

    async def have_ended() -> bool:
        return caplog.text.count("GET /receipts/live → ") == ABORTED

    await eventually(have_ended, "the streams end")
    gc.collect()  # a lost task reports itself when it is collected

    assert not [record for record in caplog.records if record.levelno > logging.INFO]
