"""Sandboxes share a worker, each as much as the others, and idle ones cost it nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import Connection, insert

from hookshop.webkit.encryption import Encryption
from shop.database.models import Attempt, Endpoint, Sandbox
from shop.database.transactions import Database
from shop.vocabulary import EndpointStatus
from shop.webhooks.engine.due import is_anything_due, lock_due_endpoints
from shop.webhooks.rules import slots
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.sandboxes import NOBODY, SandboxedShop

IDLE_SANDBOXES = 1000
STEP = 10  # SQLite calls the handler after as many of its instructions


@pytest.fixture
def shops(database: Database, clock: Clock, encryption: Encryption) -> SandboxedShop:
    return SandboxedShop(database, clock, encryption)


async def test_a_sandbox_with_many_endpoints_gets_one_share(
    shops: SandboxedShop, engine: Engine
) -> None:
    greedy, modest = await shops.create("greedy"), await shops.create("modest")
    for path in range(10):
        await shops.register(f"{NOBODY}/{path}", number=greedy)
    await shops.register(number=modest)
    await shops.buy(20, number=greedy)
    await shops.buy(20, number=modest)

    claims = await engine.claim(limit=20)

    assert Counter(claim.sandbox for claim in claims) == {greedy: 10, modest: 10}
    assert (
        max(Counter(claim.endpoint_id for claim in claims if claim.sandbox == greedy).values()) == 1
    )


async def test_a_sandbox_takes_what_the_others_do_not_need(
    shops: SandboxedShop, engine: Engine
) -> None:
    busy, quiet = await shops.create("busy"), await shops.create("quiet")
    for path in range(3):
        await shops.register(f"{NOBODY}/{path}", number=busy)
    await shops.register(number=quiet)
    await shops.buy(20, number=busy)
    await shops.buy(1, number=quiet)

    first, second = await engine.claim(limit=10), await engine.claim(limit=10)

    claimed = Counter(claim.sandbox for claim in (*first, *second))
    assert claimed[quiet] == 1
    assert claimed[busy] >= 14


async def test_sandboxes_in_which_everything_hangs_leave_slots_to_another(
    shops: SandboxedShop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MAX_IN_FLIGHT", 20)
    monkeypatch.setattr(slots, "RESERVED_SLOTS", 2)
    async with url_that_never_answers() as url:
        for name in ("hanging-1", "hanging-2"):
            number = await shops.create(name, {"request_timeout_seconds": 60})
            await shops.register(url, number=number)
            await shops.buy(30, number=number)
        for _ in range(5):
            await engine.dispatcher.look()
        taken_by_others = engine.dispatcher.in_flight
        healthy = await shops.create("healthy", {"request_timeout_seconds": 60})
        await shops.register(url, number=healthy)
        await shops.buy(5, number=healthy)
        await engine.dispatcher.look()
        taken_by_all = engine.dispatcher.in_flight
    await engine.finish()

    assert (taken_by_others, taken_by_all) == (18, 20)
    assert await shops.count(Attempt, number=healthy) == 2


@asynccontextmanager
async def url_that_never_answers() -> AsyncIterator[str]:
    """Reset all connections when the block ends."""
    writers: list[asyncio.StreamWriter] = []

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        for writer in writers:
            writer.transport.abort()


async def add_idle_sandboxes(shops: SandboxedShop) -> None:
    """Add sandboxes, each with two endpoints and nothing to send."""
    now = shops.clock.now
    numbers = range(1, IDLE_SANDBOXES + 1)
    sandboxes = [{"number": n, "id": f"idle-{n}", "created_at": now} for n in numbers]
    endpoints = [
        {
            "id": f"ep_{n:031d}{digit}",
            "sandbox": n,
            "webhook_url": NOBODY,
            "url_key": f"{n} {digit}",
            "description": "",
            "event_types": [],
            "status": EndpointStatus.ACTIVE,
            "created_at": now,
        }
        for n in numbers
        for digit in range(2)
    ]

    def add(connection: Connection) -> None:
        connection.execute(insert(Sandbox), sandboxes)
        connection.execute(insert(Endpoint), endpoints)

    await shops.database.write(add)


@pytest.mark.sqlite("counts the instructions of SQLite's virtual machine")
async def test_a_thousand_idle_sandboxes_cost_a_look_nothing(shops: SandboxedShop) -> None:
    endpoint_id = await shops.register()
    await shops.buy(3)
    now = shops.clock.now
    looks: tuple[Callable[[Connection], object], ...] = (
        partial(is_anything_due, now=now),
        partial(lock_due_endpoints, also=[endpoint_id], now=now),
    )
    before = [await instructions(shops.database, look) for look in looks]

    await add_idle_sandboxes(shops)

    after = [await instructions(shops.database, look) for look in looks]
    assert max(new - old for new, old in zip(after, before, strict=True)) <= 10 * STEP


async def instructions(database: Database, look: Callable[[Connection], object]) -> int:
    """Return about how many instructions SQLite needs."""
    calls = 0

    def count() -> int:
        nonlocal calls
        calls += 1
        return 0

    def counted(connection: Connection) -> int:
        look(connection)  # the first time, it also reads the schema
        driver = connection.connection.driver_connection
        assert driver
        driver.set_progress_handler(count, STEP)
        look(connection)
        driver.set_progress_handler(None, 0)
        return calls * STEP

    return await database.read(counted)
