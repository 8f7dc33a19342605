"""A live page's stream: which updates are sent, and how the connection is kept open."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Litestar, Request, get
from litestar.exceptions import NotFoundException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import ServerSentEvent
from litestar.template import TemplateConfig

from hookshop.webkit import live
from hookshop.webkit.change_feed import ChangeFeed
from hookshop.webkit.live import Region, live_stream
from tests.serving import free_port, serving

MAX_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Change:
    name: str
    is_everything: bool = False
    sandbox: int | None = None


@dataclass
class Board:
    """A page with two counters as regions, which counts how often each is read."""

    feed: ChangeFeed[Change] = field(default_factory=ChangeFeed[Change])
    values: dict[str, int] = field(default_factory=lambda: {"left": 0, "right": 0})
    readings: dict[str, int] = field(default_factory=lambda: {"left": 0, "right": 0})
    poll_interval_seconds: float = math.inf

    def region(self, name: str) -> Region:
        async def read() -> dict[str, Any]:
            self.readings[name] += 1
            if name not in self.values:
                raise NotFoundException(f"there is no {name}")
            return {"name": name, "value": self.values[name]}

        return Region(
            name,
            "counter.html",
            read,
            concerns=lambda change: change.name == name,
            poll_interval_seconds=self.poll_interval_seconds,
            min_interval_seconds=0.0,
        )

    def change(self, name: str, *announced: Change) -> None:
        self.values[name] += 1
        self.feed.pass_on(announced)


@asynccontextmanager
async def lines_of(board: Board, folder: Path) -> AsyncIterator[AsyncIterator[str]]:
    """Read the lines of the board's stream, including comments, on a real socket."""
    (folder / "counter.html").write_text("<p id={{ name }}>{{ name }} {{ value }}</p>")

    @get("/live")
    async def stream(request: Request[Any, Any, Any]) -> ServerSentEvent:
        return await live_stream(request, board.feed, board.region("left"), board.region("right"))

    templates = TemplateConfig(directory=folder, engine=JinjaTemplateEngine)
    app = Litestar([stream], template_config=templates)
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            AsyncClient(trust_env=False, timeout=30) as client,
            client.stream("GET", f"{url}/live") as answer,
        ):
            yield answer.aiter_lines()
            board.feed.end_streams()


async def until(lines: AsyncIterator[str], text: str) -> str:
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        async for line in lines:
            if text in line:
                return line
    raise AssertionError(text)


async def test_the_first_message_shows_every_region(tmp_path: Path) -> None:
    async with lines_of(Board(), tmp_path) as lines:
        first = await until(lines, "data:")

    assert "left 0" in first
    assert "right 0" in first


async def test_a_change_sends_only_the_regions_that_it_concerns(tmp_path: Path) -> None:
    board = Board()
    async with lines_of(board, tmp_path) as lines:
        await until(lines, "data:")
        board.change("right")
        board.change("left", Change("left"))

        message = await until(lines, "data:")

    assert "left 1" in message
    assert "right" not in message


async def test_a_change_of_everything_reads_every_region_again(tmp_path: Path) -> None:
    board = Board()
    async with lines_of(board, tmp_path) as lines:
        await until(lines, "data:")
        board.change("left")
        board.change("right", Change("all", is_everything=True))

        message = await until(lines, "data:")

    assert "left 1" in message
    assert "right 1" in message


async def test_unannounced_changes_are_found_by_polling(tmp_path: Path) -> None:
    board = Board(poll_interval_seconds=0.01)
    async with lines_of(board, tmp_path) as lines:
        await until(lines, "data:")
        board.change("left")

        assert "left 1" in await until(lines, "data:")


@pytest.mark.parametrize("poll_interval_seconds", [0.01, 3600.0, math.inf])
async def test_a_stream_without_changes_is_kept_alive_however_often_it_looks(
    poll_interval_seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    async with lines_of(Board(poll_interval_seconds=poll_interval_seconds), tmp_path) as lines:
        await until(lines, "data:")

        await until(lines, "keep-alive")
        await until(lines, "keep-alive")


async def test_irrelevant_changes_do_not_prevent_keep_alives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    board = Board()

    async def be_noisy() -> None:
        while True:
            board.feed.pass_on([Change("elsewhere")])
            await asyncio.sleep(0.001)

    async with lines_of(board, tmp_path) as lines:
        await until(lines, "data:")
        noise = asyncio.create_task(be_noisy())

        await until(lines, "keep-alive")
        noise.cancel()


async def test_a_stream_whose_record_is_deleted_ends_without_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = Board()
    async with lines_of(board, tmp_path) as lines:
        await until(lines, "data:")
        del board.values["left"]
        board.feed.pass_on([Change("left")])

        async with asyncio.timeout(MAX_WAIT_SECONDS):
            rest = [line async for line in lines if line.startswith("data:")]

    assert rest == []
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
