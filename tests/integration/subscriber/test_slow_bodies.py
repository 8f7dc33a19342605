"""Slow or endless bodies are cut off, and leave a receipt."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.web import receiver
from tests.integration.subscriber.conftest import Client, Clock, remember_subscription
from tests.integration.subscriber.requests import deliver, only_receipt, stats, totals
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.signer import Delivery

PIECE = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
MIB = 1024 * 1024


@pytest.fixture
async def subscriber(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """The application on a socket, subscribed, with a short deadline."""
    monkeypatch.setattr(receiver, "BODY_DEADLINE_SECONDS", 0.5)
    async with serving(create_app(settings, now=clock)) as client:
        await remember_subscription(settings, clock())
        yield client


@pytest.mark.parametrize(
    "line", ["Content-Length: 1000", "Transfer-Encoding: chunked"], ids=["announced", "in pieces"]
)
async def test_a_body_that_does_not_arrive_is_cut_off(line: str, subscriber: Client) -> None:
    reader, writer = await begin(subscriber, line, b'8\r\n{"event"\r\n')

    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    receipt = await only_receipt(subscriber)
    assert (receipt["verdict"], receipt["reason"]) == ("rejected", "body_timeout")
    assert '{"event"' in receipt["body"]
    assert receipt["steps"][0]["result"] == "failed"
    assert await stats(subscriber) == totals(rejected=1)
    assert (await deliver(subscriber)).status_code == 200


async def test_an_endless_body_is_cut_off_and_takes_no_memory(subscriber: Client) -> None:
    reader, writer = await begin(subscriber, "Transfer-Encoding: chunked", PIECE)
    before = psutil.Process().memory_info().rss

    sent = await send_until_cut_off(writer)
    after = psutil.Process().memory_info().rss

    assert sent > MIB
    assert after - before < 30 * MIB
    receipt = await only_receipt(subscriber)
    assert (receipt["reason"], len(receipt["body"])) == ("too_large", 256 * 1024)
    reader.feed_eof()


async def begin(
    subscriber: Client, line: str, first_bytes: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = subscriber.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    headers = [f"{name}: {value}" for name, value in Delivery().headers()]
    head = ["POST /v1/new-purchase HTTP/1.1", "Host: x", *headers, line, "", ""]
    writer.write("\r\n".join(head).encode() + first_bytes)
    await writer.drain()
    return reader, writer


async def send_until_cut_off(writer: asyncio.StreamWriter) -> int:
    """Return the number of bytes sent before the connection was closed."""
    sent = 0
    async with asyncio.timeout(10):
        try:
            while True:
                writer.write(PIECE)
                await writer.drain()
                sent += len(PIECE)
        except ConnectionError:
            return sent
