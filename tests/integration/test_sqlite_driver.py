"""The connection to SQLite with one call of its thread for each statement."""

import asyncio
from pathlib import Path

from hookshop.webkit.sqlite_driver import connect

PATIENCE_SECONDS = 30


async def test_closing_ends_although_the_connection_is_stopped_meanwhile(tmp_path: Path) -> None:
    connection = await connect(str(tmp_path / "a.db"))
    closing = asyncio.create_task(connection.close())
    await asyncio.sleep(0)  # now the thread has been asked to close the database

    connection.stop()  # as SQLAlchemy does when its own caller is cancelled

    async with asyncio.timeout(PATIENCE_SECONDS):
        await closing


async def test_a_connection_can_be_stopped_twice(tmp_path: Path) -> None:
    connection = await connect(str(tmp_path / "a.db"))

    for _ in range(2):
        stopped = connection.stop()
        assert stopped is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stopped
