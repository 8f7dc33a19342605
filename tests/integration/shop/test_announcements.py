"""Announcements of changes between processes, by a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from shop.redis import change_feed
from shop.redis.change_feed import CHANNEL, Change, ChangeFeed
from tests.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.one_database("needs Redis alone")

DELIVERY = Change("delivery", "dlv_1", order_id="ord_1")
NOT_THERE = "unix:///nonexistent/redis.sock"


@asynccontextmanager
async def feed(redis_url: str) -> AsyncIterator[ChangeFeed]:
    """A change feed as in a web process."""
    feed = ChangeFeed(redis_url)
    listening = asyncio.create_task(feed.listen())
    try:
        yield feed
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await feed.close()


async def test_an_announcement_reaches_other_processes(redis_url: str) -> None:
    async with feed(redis_url) as web, feed(redis_url) as worker:
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {
                Change.everything()
            }  # now connected

            await worker.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {DELIVERY}


async def test_a_missed_announcement_is_made_up_for(redis_url: str) -> None:
    async with (
        feed(redis_url) as web,
        feed(redis_url) as worker,
        Redis.from_url(redis_url) as redis,
    ):
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {
                Change.everything()
            }  # now connected
            await redis.execute_command("CLIENT", "PAUSE", "1000")

            await worker.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {Change.everything()}


async def test_without_redis_a_process_still_updates_its_own_streams() -> None:
    async with feed(NOT_THERE) as web:
        with web.subscribe() as stream:
            await web.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {DELIVERY}


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        b"{",
        b"null",
        b"7",
        b"[" * 100_000,
        b'{"kind": "delivery"}',
        b'[["delivery"]]',
        b'[["delivery", 1, null]]',
        b'[["delivery", "dlv_1", ["ord_1"], 0]]',
        b'[["delivery", "dlv_1", "ord_1", "main"]]',
        b'[[["delivery"], "dlv_1", null]]',
        b'[["sandbox", "sbx_1", null]]',
        b'[["delivery", "dlv_1", null, "a newer field"]]',
    ],
    ids=lambda message: message[:40].decode(errors="replace"),
)
async def test_a_malformed_or_newer_message_is_skipped_and_logged(
    message: bytes, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with feed(redis_url) as web, Redis.from_url(redis_url) as redis:
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {Change.everything()}
            await redis.publish(CHANNEL, message)

            await redis.publish(CHANNEL, json.dumps([["delivery", "dlv_1", "ord_1", 0]]))

            async with asyncio.timeout(MAX_WAIT_SECONDS):
                # A skipped message also wakes the stream.
                while not (heard := await stream.next_changes(MAX_WAIT_SECONDS)):
                    pass
            assert heard == {DELIVERY}
    [line] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert line.startswith("Skipped a malformed announcement of changes")
    assert len(line) < 1000


class Wire:
    """A way to Redis. Connections made before ``go_silent`` stay open and pass nothing on."""

    def __init__(self, redis_url: str) -> None:
        self._socket = urlsplit(redis_url).path
        self._silent: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.passed_on = 0  # chunks

    def go_silent(self) -> None:
        self._silent |= self._open

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                if writer not in self._silent:
                    writer.write(chunk)
                    self.passed_on += 1
        writer.close()


@asynccontextmanager
async def wire_to(redis_url: str) -> AsyncIterator[tuple[Wire, str]]:
    wire = Wire(redis_url)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    try:
        yield wire, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_half_open_connection_is_noticed_and_replaced(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "HEALTH_CHECK_SECONDS", 0.2)
    async with (
        wire_to(redis_url) as (wire, url),
        feed(url) as web,
        feed(redis_url) as worker,
    ):
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {Change.everything()}
            wire.go_silent()
            await worker.announce(DELIVERY)

            heard = await stream.next_changes(MAX_WAIT_SECONDS)

    assert heard == {Change.everything()}


async def test_an_idle_connection_that_answers_is_kept(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "HEALTH_CHECK_SECONDS", 0.5)
    async with wire_to(redis_url) as (wire, url), feed(url) as web:
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {Change.everything()}
            passed_before = wire.passed_on

            quiet = await stream.next_changes(1.5)

    assert quiet == frozenset()
    assert wire.passed_on > passed_before  # a PING and its answer
    assert wire.connections == 1
