"""Transactions that never lose an update, however many want to write."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from shop import database as module
from shop.config import Settings
from shop.database import Database
from shop.models import Order


async def count_up(database: Database) -> None:
    """Read, then write: what loses updates when two do it at a time.

    On SQLite no two can; where they can, the row that was read is locked.
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
async def test_whoever_waits_too_long_is_told_so_and_spoils_nothing(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_SECONDS", 0.05)

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
