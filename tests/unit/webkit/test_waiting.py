"""Calls that wait: every fact wakes them, they cost little, and end with client or server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar import Litestar, Request, get
from litestar.datastructures import State
from msgspec import Struct

from hookshop.webkit import request_queue, waiting
from hookshop.webkit.change_feed import ChangeFeed
from hookshop.webkit.errors import exception_handlers
from hookshop.webkit.request_log import RequestLog
from hookshop.webkit.request_queue import RequestQueue
from hookshop.webkit.waiting import (
    Condition,
    Strict,
    Wait,
    WaitingRoom,
    WaitSeconds,
    wait_until_satisfied,
)
from tests.serving import free_port, serving
from tests.waiting import MAX_WAIT_SECONDS, eventually

A_LONG_TIME = 60
WAITING_CALLS = 200
APP = Litestar(openapi_config=None, logging_config=None)
A_FEW = st.integers(0, 6)
MANY = st.integers(0, 12)


@dataclass(frozen=True)
class Change:
    name: str = "count"
    is_everything: bool = False
    sandbox: int | None = None


class Count(Struct):
    """The answer of the call: how many facts there are."""

    count: int
    satisfied: bool


class Feed(ChangeFeed[Change]):
    """A feed whose subscriptions are of one sandbox."""

    def __init__(self, sandbox: int | None = None) -> None:
        super().__init__()
        self._sandbox = sandbox

    def current_sandbox(self) -> int | None:
        return self._sandbox


@dataclass
class World:
    """An application with one call, which waits for this many facts."""

    feed: Feed = field(default_factory=Feed)
    facts: int = 0
    wanted: int = 1
    reads: int = 0
    room: WaitingRoom = field(default_factory=WaitingRoom)
    yields_before: int = 0  # turns of the event loop that a read takes before it sees the facts
    yields_after: int = 0

    def happen(self, *changes: Change) -> None:
        self.facts += 1
        self.feed.pass_on(changes or [Change()])

    async def read(self) -> Count:
        self.reads += 1
        await turns(self.yields_before)
        seen = self.facts
        await turns(self.yields_after)
        return Count(seen, seen >= self.wanted)

    @property
    def condition(self) -> Condition[Count]:
        return Condition(
            self.read,
            lambda found: f"{found.count} of {self.wanted}",
            lambda change: change.name == "count",
        )

    def app(self) -> Litestar:
        @get("/v1/count")
        async def count(
            request: Request[Any, Any, Any], wait: WaitSeconds = None, strict: Strict = False
        ) -> Count:
            asked = Wait.read(wait, strict=strict) or Wait(0, 1, strict=False)
            return await wait_until_satisfied(request, self.feed, asked, self.condition)

        @get("/page")
        async def page() -> str:
            return "page"

        app = Litestar(
            [count, page],
            logging_config=None,
            openapi_config=None,
            exception_handlers=exception_handlers({}, database_unavailable="busy"),
            state=State({"waiting_room": self.room}),
        )
        app.asgi_handler = RequestLog(RequestQueue(app.asgi_handler))
        return app


async def turns(count: int) -> None:
    """Let other tasks run this many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[AsyncClient]:
    with free_port() as listening:
        async with (
            serving(world.app(), listening) as url,
            AsyncClient(base_url=url, trust_env=False, timeout=MAX_WAIT_SECONDS) as client,
        ):
            yield client


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with client_of(world) as client:
        yield client


@pytest.fixture
def _no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a change can wake a call, so that a lost one is not made up for."""
    monkeypatch.setattr(waiting, "POLL_INTERVAL_SECONDS", 3600.0)


def asked(client: AsyncClient, wait: float = A_LONG_TIME) -> asyncio.Task[Any]:
    """Request the call, and return the task of its response."""
    return asyncio.create_task(client.get(f"/v1/count?wait={wait}"))


async def all_wait(world: World, calls: int = 1) -> None:
    async def do_wait() -> bool:
        return world.room.waiting == calls

    await eventually(do_wait, f"{calls} calls wait")


async def race(world: World, turns_before: list[int], turns_before_announcing: int) -> Count:
    """Let facts happen at chosen turns of the event loop while a call waits for all of them."""

    async def never() -> Any:
        await asyncio.Event().wait()

    APP.state.waiting_room = world.room
    scope: Any = {"type": "http", "method": "GET", "litestar_app": APP}
    request: Any = Request(scope, receive=never)
    wait = Wait(A_LONG_TIME, 1, strict=False)
    call = asyncio.create_task(wait_until_satisfied(request, world.feed, wait, world.condition))
    for each in turns_before:
        await turns(each)
        world.facts += 1
        await turns(turns_before_announcing)
        world.feed.pass_on([Change()])
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        return await call


@hypothesis_settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(MANY, min_size=1, max_size=3), A_FEW, A_FEW, A_FEW)
def test_a_fact_wakes_the_call_whenever_it_happens(
    turns_before: list[int], before_announcing: int, yields_before: int, yields_after: int
) -> None:
    world = World(wanted=len(turns_before), yields_before=yields_before, yields_after=yields_after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "POLL_INTERVAL_SECONDS", 3600.0)
        patch.setattr(waiting, "MIN_INTERVAL_SECONDS", 0.001)

        answer = asyncio.run(race(world, turns_before, before_announcing))

    assert answer.satisfied
    assert answer.count == len(turns_before)


async def test_without_a_wait_the_answer_comes_at_once(client: AsyncClient, world: World) -> None:
    answer = await client.get("/v1/count?wait=0")

    assert answer.json() == {"count": 0, "satisfied": False}
    assert world.reads == 1


@pytest.mark.usefixtures("_no_polls")
async def test_a_call_answers_when_the_fact_happens(client: AsyncClient, world: World) -> None:
    call = asked(client)
    await all_wait(world)
    world.happen()

    assert (await call).json() == {"count": 1, "satisfied": True}


async def test_a_call_answers_after_its_time_with_what_is_known(
    client: AsyncClient, world: World
) -> None:
    world.wanted = 2
    world.facts = 1

    answer = await client.get("/v1/count?wait=0.05")

    assert answer.status_code == 200
    assert answer.json() == {"count": 1, "satisfied": False}
    assert world.room.waiting == 0


async def test_a_strict_call_answers_504_and_says_how_far_it_is(
    client: AsyncClient, world: World
) -> None:
    world.wanted = 2
    world.facts = 1

    answer = await client.get("/v1/count?wait=0.05&strict=1")

    assert answer.status_code == 504
    assert answer.json()["title"] == "Gateway Timeout"
    assert answer.json()["detail"] == "not satisfied within 0.05 s: 1 of 2"


@pytest.mark.parametrize("wait", ["60.1", "-1", "nan", "inf", "soon"])
async def test_a_wait_that_is_no_number_from_0_to_60_is_refused(
    wait: str, client: AsyncClient
) -> None:
    answer = await client.get(f"/v1/count?wait={wait}")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("wait: Expected")


async def test_a_fact_that_nobody_announces_is_found_by_polling(
    client: AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "POLL_INTERVAL_SECONDS", 0.01)
    call = asked(client)
    await all_wait(world)
    world.facts = 1

    assert (await call).json()["satisfied"]


@pytest.mark.usefixtures("_no_polls")
@pytest.mark.parametrize(
    "change", [Change("elsewhere"), Change(sandbox=8)], ids=["another kind", "another sandbox"]
)
async def test_a_change_that_does_not_concern_the_call_causes_no_read(change: Change) -> None:
    world = World(Feed(sandbox=7), wanted=3)
    async with client_of(world) as client:
        call = asked(client)
        await all_wait(world)
        for _ in range(2):
            world.happen(change)
            await turns(10)
        read_before = world.reads
        world.happen(Change(sandbox=7))
        answer = await call

    assert answer.json() == {"count": 3, "satisfied": True}
    assert read_before == 1


async def test_a_call_reads_at_most_ten_times_in_a_second(
    client: AsyncClient, world: World
) -> None:
    world.wanted = 1_000_000
    call = asked(client, wait=1)
    while not call.done():
        world.happen()
        await asyncio.sleep(0.001)

    assert not (await call).json()["satisfied"]
    assert 5 <= world.reads <= 11  # with the last one, at the end of the wait


@pytest.mark.usefixtures("_no_polls")
async def test_two_hundred_calls_wait_without_a_slot_and_are_all_woken(
    client: AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_queue, "MAX_CONCURRENT", 1)
    world.yields_before = 3
    async with (
        client_of(world) as own_client,
        AsyncClient(
            base_url=own_client.base_url, trust_env=False, timeout=MAX_WAIT_SECONDS
        ) as visitor,
    ):
        calls = [asked(own_client) for _ in range(100)]
        calls += [asked(visitor) for _ in range(WAITING_CALLS - 100)]
        await all_wait(world, WAITING_CALLS)
        page = await client.get("/page")
        read_before = world.reads
        world.happen()
        answers = await asyncio.gather(*calls)

    assert page.text == "page"
    assert read_before == WAITING_CALLS
    assert all(answer.json()["satisfied"] for answer in answers)
    assert world.reads == 2 * WAITING_CALLS


def test_many_calls_share_the_reads_of_a_second() -> None:
    room = WaitingRoom()
    room.waiting = 4 * waiting.MAX_READS_PER_SECOND

    assert room.fair_interval_seconds == 4.0


@pytest.mark.usefixtures("_no_polls")
async def test_a_client_that_leaves_frees_its_place(
    client: AsyncClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    call = asked(client)
    await all_wait(world)

    call.cancel()

    await all_wait(world, 0)
    assert not world.feed.has_subscribers
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.usefixtures("_no_polls")
@pytest.mark.parametrize(
    "end", [Feed.end_streams, lambda feed: feed.end_streams_of(7)], ids=["server", "sandbox"]
)
async def test_the_end_of_the_server_or_the_sandbox_ends_the_wait_with_what_is_known(
    end: Callable[[Feed], None],
) -> None:
    world = World(Feed(sandbox=7), facts=1, wanted=2)
    async with client_of(world) as client:
        call = asked(client)
        await all_wait(world)

        end(world.feed)

        assert (await call).json() == {"count": 1, "satisfied": False}
