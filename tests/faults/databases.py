"""Direct access to both kinds of database. Statements have ``?`` for values, in both."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from tests import postgres

Rows = list[tuple[Any, ...]]
Statement = tuple[str, tuple[Any, ...]]


class WriteLock(Protocol):
    """Blocks all other writers while it is held. Threads may share it."""

    def take(self) -> None: ...

    def release(self) -> None: ...


class Book(Protocol):
    """The database of one application.

    ``keep_workers_out``: to begin a transaction during which no worker records or claims.
    """

    keep_workers_out: Sequence[Statement]

    def read(self, query: str, *values: Any) -> Rows: ...

    def write(self, *statements: Statement) -> None:
        """Run all statements in one transaction."""

    def write_lock(self) -> AbstractContextManager[WriteLock]: ...


class SqliteBook:
    keep_workers_out: Sequence[Statement] = ()  # there is only one writer at a time

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, query: str, *values: Any) -> Rows:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as file:
            return file.execute(query, values).fetchall()

    def write(self, *statements: Statement) -> None:
        with closing(sqlite3.connect(self.path, timeout=30)) as file, file:
            for statement, values in statements:
                file.execute(statement, values)

    @contextmanager
    def write_lock(self) -> Iterator[WriteLock]:
        with closing(
            sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        ) as other:
            yield SqliteWriteLock(other)


class SqliteWriteLock:
    def __init__(self, other: sqlite3.Connection) -> None:
        self._other = other

    def take(self) -> None:
        self._other.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._other.execute("ROLLBACK")


class PostgresBook:
    # Each look of a worker locks endpoints first.
    keep_workers_out: Sequence[Statement] = (("LOCK TABLE endpoint IN EXCLUSIVE MODE", ()),)

    def __init__(self, url: str) -> None:
        self._url = url

    def read(self, query: str, *values: Any) -> Rows:
        return postgres.execute(self._url, _numbered(query), values)

    def write(self, *statements: Statement) -> None:
        postgres.run_in_new_loop(self._write(statements))

    async def _write(self, statements: Sequence[Statement]) -> None:
        connection = await postgres.connect(self._url)
        async with connection.transaction():
            for statement, values in statements:
                await connection.execute(_numbered(statement), *values)
        await connection.close()

    @contextmanager
    def write_lock(self) -> Iterator[WriteLock]:
        with asyncio.Runner() as runner, ThreadPoolExecutor(1) as thread:
            lock = PostgresWriteLock(runner, thread)
            lock.do(self._connect(lock))
            try:
                yield lock
            finally:
                lock.do(lock.connection.close())

    async def _connect(self, lock: "PostgresWriteLock") -> None:
        lock.connection = await postgres.connect(self._url)


class PostgresWriteLock:
    TABLES = "shop_order, message, endpoint, delivery, attempt"

    def __init__(self, runner: asyncio.Runner, thread: ThreadPoolExecutor) -> None:
        self._runner = runner
        self._thread = thread
        self.connection: Any = None

    def take(self) -> None:
        self.do(self.connection.execute(f"BEGIN; LOCK TABLE {self.TABLES} IN EXCLUSIVE MODE"))

    def release(self) -> None:
        self.do(self.connection.execute("ROLLBACK"))

    def do(self, work: Any) -> None:
        """Run this in the thread of the connection."""
        self._thread.submit(self._runner.run, work).result()


def _numbered(statement: str) -> str:
    """Return the statement with PostgreSQL's parameters: ``$1``, ``$2`` and so on."""
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)
