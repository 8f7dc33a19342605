"""SQLite for SQLAlchemy, with one change of threads for each statement.

aiosqlite has a thread for each connection, and the event loop waits while that one works. For a
statement SQLAlchemy would ask it four times: for a cursor, to execute, for the rows, to close the
cursor. That was a sixth of what a busy worker spends on the database; so here it is one request.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import aiosqlite

ROWS_AT_ONCE = 64  # aiosqlite's own number; nobody here reads rows while more are fetched


async def connect(*args: Any, **options: Any) -> aiosqlite.Connection:
    """As ``aiosqlite.connect``; for SQLAlchemy's ``async_creator_fn``."""
    connection = _Connection(lambda: sqlite3.connect(*args, **options), ROWS_AT_ONCE)
    connection._thread.daemon = True  # noqa: SLF001 – as SQLAlchemy does with those it makes itself
    return await connection


class _Outcome(NamedTuple):
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: Sequence[Any] = ()


class _Connection(aiosqlite.Connection):
    def cursor(self) -> "_Cursor":  # type: ignore[override]  # the part of one that is asked for
        return _Cursor(self)

    async def run(self, method: str, sql: str, parameters: Any) -> _Outcome:
        """Execute a statement and fetch all its rows, in the connection's thread."""
        outcome: _Outcome = await self._execute(self._run, method, sql, parameters)  # type: ignore[no-untyped-call]
        return outcome

    def _run(self, method: str, sql: str, parameters: Any) -> _Outcome:
        cursor = self._conn.cursor()
        try:
            getattr(cursor, method)(sql, parameters)
            rows = cursor.fetchall()
            return _Outcome(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
        finally:
            cursor.close()


class _Cursor:
    """What SQLAlchemy needs of a cursor; it holds an outcome, and nothing of the database."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._outcome = _Outcome()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> "_Cursor":
        self._outcome = await self._connection.run("execute", sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Any) -> "_Cursor":
        self._outcome = await self._connection.run("executemany", sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        return self._outcome.rows

    async def close(self) -> None:
        """There is nothing left to close."""

    @property
    def description(self) -> Any:
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._outcome.lastrowid
