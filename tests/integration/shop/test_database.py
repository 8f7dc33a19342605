"""Concurrent transactions do not lose updates."""

import asyncio
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from hookshop.webkit import sqlite
from shop.config import Settings
from shop.database.models import Order
from shop.database.transactions import Database
from tests.integration.shop.conftest import ROOT


async def count_up(database: Database) -> None:
    """Read, then write: two at once would lose an update.

    SQLite allows one writer at a time; on PostgreSQL, the row is locked when it is read.
    """
    async with database.writing() as session:
        order = await session.get_one(Order, "ord_1", with_for_update=True)
        order.total_cents += 1


async def total(database: Database) -> int:
    async with database.reading() as session:
        return (await session.get_one(Order, "ord_1")).total_cents


@pytest.fixture
async def counted(database: Database) -> Database:
    async with database.writing() as session:
        session.add(
            Order(id="ord_1", customer_name="", total_cents=0, created_at=datetime.now(UTC))
        )
    return database


async def test_writers_at_once_lose_no_update(counted: Database) -> None:
    await asyncio.gather(*(count_up(counted) for _ in range(100)))

    assert await total(counted) == 100


async def test_writers_of_several_processes_lose_no_update(
    counted: Database, settings: Settings
) -> None:
    other = Database(settings.resolved_database_url)

    await asyncio.gather(*(count_up(each) for each in (counted, other) for _ in range(50)))

    await other.close()
    assert await total(counted) == 100


@pytest.mark.sqlite("on PostgreSQL writers wait for rows, not for each other")
async def test_a_constant_writer_does_not_starve_other_processes(
    counted: Database, settings: Settings
) -> None:
    greedy, its_writes = Database(settings.resolved_database_url), 0

    async def write_all_the_time() -> None:
        nonlocal its_writes
        while True:
            async with greedy.writing() as session:
                for _ in range(20):
                    await session.exec(select(Order))
            its_writes += 1

    busy = asyncio.create_task(write_all_the_time())
    for _ in range(20):
        await count_up(counted)
    busy.cancel()
    await asyncio.wait([busy])

    await greedy.close()
    assert its_writes <= 2 * 20


@pytest.mark.sqlite("on PostgreSQL nobody but the server holds locks")
async def test_a_process_that_dies_with_the_write_lock_blocks_nobody(
    counted: Database, settings: Settings
) -> None:
    code = f"""
import asyncio
from shop.database.transactions import Database

async def main():
    async with Database({settings.resolved_database_url!r}).writing():
        print("my turn", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert other.stdout
    assert await other.stdout.readline() == b"my turn\n"
    waiting = asyncio.create_task(count_up(counted))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done

    other.kill()
    await other.wait()

    await waiting
    assert await total(counted) == 1


async def test_a_writer_that_fails_changes_nothing_and_lets_the_next_one_in(
    counted: Database,
) -> None:
    async def fail() -> None:
        async with counted.writing() as session:
            (await session.get_one(Order, "ord_1")).total_cents = 1_000_000
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await count_up(counted)

    assert await total(counted) == 1


@pytest.mark.sqlite("on PostgreSQL writers wait for rows, not for each other")
async def test_a_writer_that_waits_too_long_gets_an_error_and_changes_nothing(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)

    async with counted.writing():
        with pytest.raises(OperationalError):
            await count_up(counted)
    await count_up(counted)

    assert await total(counted) == 1


async def test_readers_do_not_wait_for_a_writer(counted: Database) -> None:
    async with counted.writing() as session:
        (await session.get_one(Order, "ord_1")).total_cents = 7
        await session.flush()

        assert await total(counted) == 0
