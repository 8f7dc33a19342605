"""Clients that disconnect: the application computes nothing for them and leaves no lost task."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hookshop.webkit.request_queue import MAX_CONCURRENT
from subscriber_app.app import create_app
from subscriber_app.lab.connection_reset import ConnectionResetProtocol
from tests.integration.subscriber.conftest import settings_below
from tests.pages import opened
from tests.serving import free_port, serving
from tests.waiting import eventually

ABORTED_PAGES = 100
ABORTED_STREAMS = 10
INBOX = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def subscriber(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_below(tmp_path))
    with free_port() as listening:
        async with (
            serving(app, listening, ConnectionResetProtocol) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
        ):
            yield client


async def test_the_inbox_is_not_computed_for_clients_that_have_gone(
    subscriber: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address = (subscriber.base_url.host, subscriber.base_url.port)
    connections = [await asyncio.open_connection(*address) for _ in range(ABORTED_PAGES)]
    for _reader, writer in connections:
        writer.write(INBOX)
        writer.close()

    page = await subscriber.get("/")

    async def are_all_logged() -> bool:
        return caplog.text.count("GET / →") == ABORTED_PAGES + 1

    await eventually(are_all_logged, "every request has its line in the log")
    assert page.status_code == 200
    computed = caplog.text.count("GET / → 200")
    assert computed <= MAX_CONCURRENT + 1
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_aborted_streams_leave_no_error_and_no_lost_task(
    subscriber: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(ABORTED_STREAMS):
        async with opened(subscriber, "/receipts/live") as stream:
            await stream.next_message()
    page = await subscriber.get("/")

    gc.collect()  # here asyncio logs "Task was destroyed but it is pending!"

    assert page.status_code == 200
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
