"""SQLite: one file, with one writer at a time."""

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

from hookshop.webkit import sqlite_driver

BUSY_TIMEOUT_SECONDS = 5
WAL_RETRY_SECONDS = 0.02
POLL_SECONDS = 0.001  # until another process releases its lock; a transaction takes longer

# A transaction that reads first and writes later fails at once with "database is locked" when
# another one wrote in between; the busy timeout does not help there. So writers say so up front.
_TO_WRITE = {"begin": "BEGIN IMMEDIATE"}


def file_of(url: str) -> Path | None:
    """Return the file that the URL of a database names, or None if it is not one of SQLite."""
    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database
    return Path(str(parts.database)) if is_file else None


def file_named(url: str) -> Path:
    """Return the file that the URL of a database names. Raise ``ValueError`` if it names none."""
    file = file_of(url)
    if file is None:
        raise ValueError("the URL names no file of SQLite")
    return file


def open_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine for reading and the one for writing: the same pool of connections."""
    # An error's text goes into the log, where the values of a row, such as a secret, must not.
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


async def create_file(file: Path, engine: AsyncEngine) -> None:
    """Create the file and its folder, and switch the file to a write-ahead log.

    With it, readers and the writer do not block each other; the file keeps the setting. Programs
    that switch a new file at the same moment refuse each other without waiting for the busy
    timeout, so each retries for as long. Raise ``OperationalError`` when the file stays locked.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
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
        await asyncio.sleep(WAL_RETRY_SECONDS)


class WriteLock:
    """A lock for writing to a file, among tasks and among processes.

    With SQLite's own lock, waiting writers poll at growing intervals, and a writer that has just
    written and wants to write again is always quicker: of two busy processes one would starve. So
    waiters queue on a second lock, and none can be overtaken. Programs without this lock, such as
    ``sqlite3``, still exclude each other by SQLite's.
    """

    def __init__(self, file: Path) -> None:
        self._among_tasks = asyncio.Lock()
        self._queue = _FileLock(file.with_name(f"{file.name}-next"))
        self._lock = _FileLock(file.with_name(f"{file.name}-turn"))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock until the block ends.

        Raise ``OperationalError``, as SQLite itself would, when it is not free in time.
        """
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_SECONDS):
                await self._acquire()
        except (TimeoutError, OSError) as error:
            reason = str(error) or "too many others wait to write"
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError(reason)) from None
        try:
            yield
        finally:
            self._lock.release()
            self._among_tasks.release()

    async def _acquire(self) -> None:
        await self._among_tasks.acquire()
        try:
            await self._queue.acquire()
            try:
                await self._lock.acquire()
            finally:
                self._queue.release()
        except BaseException:
            self._among_tasks.release()
            raise

    def close(self) -> None:
        """Close the two lock files; the next use opens them again, maybe in another event loop."""
        self._queue.close()
        self._lock.close()
        self._among_tasks = asyncio.Lock()


class _FileLock:
    """A lock among processes; the operating system releases it when its owner dies.

    It is not on the database's own file: closing that would release SQLite's locks.
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
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
