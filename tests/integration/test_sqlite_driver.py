"""The connection to SQLite with one call of its thread for each statement."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

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


async def test_cancelled_connecting_waits_for_its_thread_which_would_outlive_the_event_loop(
    tmp_path: Path,
) -> None:
    is_opening, may_open = threading.Event(), threading.Event()

    class Slow(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            is_opening.set()
            may_open.wait(PATIENCE_SECONDS)
            super().__init__(*args, **options)

    connecting = asyncio.create_task(connect(str(tmp_path / "a.db"), factory=Slow))
    await asyncio.to_thread(is_opening.wait, PATIENCE_SECONDS)

    connecting.cancel()

    for _ in range(10):
        await asyncio.sleep(0)
    assert not connecting.done()
    may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await connecting
