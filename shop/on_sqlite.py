"""What is special about SQLite: a file, in which one at a time may write. For ``database``."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shop import sqlite_driver

BUSY_TIMEOUT_SECONDS = 5
SWITCH_AGAIN_SECONDS = 0.02
LOOK_AGAIN_SECONDS = 0.001  # for the turn of another process; a transaction takes longer

# A transaction that reads first and writes later fails at once with "database is locked" when
# another one wrote in between; the busy timeout does not help there. So writers say so up front.
_TO_WRITE = {"begin": "BEGIN IMMEDIATE"}


def file_of(url: str) -> Path | None:
    """The file that the URL of a database names; None when it is not one of SQLite."""
    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database
    return Path(str(parts.database)) if is_file else None


def open_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """For reading and for writing: the same pool of connections."""
    # An error's text goes into the log, where a row's values, such as a secret, must not.
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"async_creator_fn": sqlite_driver.connect}
    )
    event.listen(engine.sync_engine, "connect", _configure_connection)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine, engine.execution_options(**_TO_WRITE)


def _configure_connection(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")  # off by default in SQLite
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if begin := connection.get_execution_options().get("begin", "BEGIN"):
        connection.exec_driver_sql(begin)


async def use_write_ahead_log(engine: AsyncEngine) -> None:
    """Let readers and the one writer not block each other; the file itself remembers it.

    Programs that start at once and switch a new file at the same moment refuse each other, without
    waiting for the busy timeout. So each asks again for as long.
    Raises ``OperationalError`` when the file is not to be had.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            # It cannot be switched inside a transaction.
            async with engine.execution_options(begin=None).connect() as connection:
                await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(SWITCH_AGAIN_SECONDS)


class WriteTurn:
    """Whose turn it is to write to a file: one after the other, among tasks and among processes.

    Left to SQLite, each that waits would ask again after ever longer pauses, and whoever has just
    written and wants to write again would always be quicker: of two busy workers one would hardly
    get its turn. So each is first the next one and then the one, and nobody can overtake the next.
    Programs that know nothing of it, such as a person's ``sqlite3``, are waited for all the same.
    """

    def __init__(self, file: Path) -> None:
        self._among_tasks = asyncio.Lock()
        self._next = _FileLock(file.with_name(f"{file.name}-next"))
        self._turn = _FileLock(file.with_name(f"{file.name}-turn"))

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for the turn and keep it until the block ends.

        Raises ``OperationalError``, as SQLite itself would, when it does not come in time.
        """
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_SECONDS):
                await self._take()
        except (TimeoutError, OSError) as error:
            reason = str(error) or "too many others wait to write"
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError(reason)) from None
        try:
            yield
        finally:
            self._turn.release()
            self._among_tasks.release()

    async def _take(self) -> None:
        await self._among_tasks.acquire()
        try:
            await self._next.acquire()
            try:
                await self._turn.acquire()
            finally:
                self._next.release()
        except BaseException:
            self._among_tasks.release()
            raise

    def close(self) -> None:
        """Close the two files."""
        self._next.close()
        self._turn.close()


class _FileLock:
    """A lock among processes. From one that dies the operating system takes it away.

    Not on the database's own file: SQLite would lose its locks when we closed that.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    async def acquire(self) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600)
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            else:
                return

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
