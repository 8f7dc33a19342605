"""Responses are computed a few at a time, and not for clients that have gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from httpx import AsyncClient
from litestar import Litestar, get, post
from litestar.params import FromPath
from litestar.response import Stream

from hookshop.webkit import request_queue
from hookshop.webkit.request_log import RequestLog
from hookshop.webkit.request_queue import RequestQueue
from tests.programs import async_client
from tests.serving import free_port, serving
from tests.waiting import eventually

ABORTED = 50


@dataclass
class Pages:
    """An application with one slot, whose pages wait until they may end."""

    started: list[str] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Litestar:
        @get("/pages/{name:str}")
        async def show(name: FromPath[str]) -> str:
            self.started.append(name)
            await self.may_end.wait()
            if name == "broken":
                raise RuntimeError(name)
            return name

        @get("/live")
        async def stream() -> Stream:
            return Stream(self._lines())

        @get("/healthz")
        async def healthz() -> str:
            return "ok"

        @post("/orders")
        async def order() -> str:
            return "ordered"

        app = Litestar([show, stream, healthz, order], logging_config=None)
        app.asgi_handler = RequestLog(RequestQueue(app.asgi_handler))
        return app

    async def _lines(self) -> AsyncIterator[str]:
        yield "first\n"
        await self.may_end.wait()


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    monkeypatch.setattr(request_queue, "MAX_CONCURRENT", 1)
    with free_port() as listening:
        async with (
            serving(pages.app(), listening) as url,
            async_client(url) as client,
        ):
            yield client
            pages.may_end.set()


async def abort(client: AsyncClient, path: str) -> None:
    """Send a request and disconnect."""
    url = client.base_url
    _reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def take_the_slot(client: AsyncClient, pages: Pages) -> asyncio.Task[int]:
    """Request a page, and return the task that waits for its status."""

    async def status() -> int:
        return (await client.get("/pages/first")).status_code

    async def has_started() -> bool:
        return pages.started == ["first"]

    first = asyncio.create_task(status())
    await eventually(has_started, "the first page is being computed")
    return first


async def test_requests_of_clients_that_have_gone_are_dropped(
    client: AsyncClient, pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = await take_the_slot(client, pages)
    for _ in range(ABORTED):
        await abort(client, "/pages/aborted")

    async def are_dropped() -> bool:
        return caplog.text.count("GET /pages/aborted → no answer") == ABORTED

    await eventually(are_dropped, "the aborted requests are dropped")
    pages.may_end.set()

    assert await first == 200
    assert (await client.get("/pages/last")).text == "last"
    assert pages.started == ["first", "last"]
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_requests_that_wait_are_answered_in_turn(client: AsyncClient, pages: Pages) -> None:
    first = await take_the_slot(client, pages)
    waiting = [asyncio.create_task(client.get(f"/pages/{number}")) for number in range(20)]
    await client.post("/orders")
    pages.may_end.set()

    answers = await asyncio.gather(*waiting)

    assert await first == 200
    assert [answer.text for answer in answers] == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/healthz"), ("POST", "/orders")], ids=["health", "order"]
)
async def test_health_checks_and_changes_do_not_wait(
    method: str, path: str, client: AsyncClient, pages: Pages
) -> None:
    await take_the_slot(client, pages)

    answer = await client.request(method, path)

    assert answer.is_success


async def test_an_open_stream_holds_no_slot(client: AsyncClient, pages: Pages) -> None:
    async with client.stream("GET", "/live") as stream:
        assert await anext(stream.aiter_lines()) == "first"
        asyncio.get_running_loop().call_soon(pages.may_end.set)

        assert (await client.get("/pages/beside")).text == "beside"


async def test_a_page_that_fails_gives_its_slot_back(client: AsyncClient, pages: Pages) -> None:
    pages.may_end.set()

    assert (await client.get("/pages/broken")).status_code == 500
    assert (await client.get("/pages/whole")).text == "whole"
