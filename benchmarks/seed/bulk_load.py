"""Writes many rows into SQLite fast: without indexes, and without a journal on disk.

A large transaction costs about as much as a small one, and building an index at the end costs a
tenth of updating it row by row. The triggers stay, so the counters are correct.
"""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.progress import show

BATCH_SIZE = 20_000  # rows of one table
CACHE_KIB = 256 * 1024
REPORT_SECONDS = 0.5

# A table's name, and the values by column.
Row = tuple[str, Mapping[str, Any]]


class DatabaseInUse(Exception):  # noqa: N818 – the name says what happened
    """Another process has the database open."""


class AlreadySeeded(Exception):  # noqa: N818 – the name says what happened
    """The database has rows; the message says which, and how many."""


@contextmanager
def bulk_loading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an exclusive connection without indexes, and rebuild the indexes at the end.

    They are also rebuilt after an exception, so an interrupted load only leaves fewer rows. Raise
    ``DatabaseInUse``.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        _lock_exclusively(connection)
        create_indexes = _drop_indexes(connection)
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")
            show("Building indexes …")
            for statement in create_indexes:
                connection.execute(statement)
            show("")
            connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _lock_exclusively(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise DatabaseInUse(str(error)) from error
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop all indexes except those of primary keys, and return their CREATE statements."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _statement in found:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _name, statement in found]


def write(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write all rows, in transactions of about ``BATCH_SIZE``."""
    waiting: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for table, values in rows:
        waiting[table].append(values)
        if len(waiting[table]) == BATCH_SIZE:
            _flush(connection, waiting)
    _flush(connection, waiting)


def _flush(connection: sqlite3.Connection, waiting: dict[str, list[Mapping[str, Any]]]) -> None:
    connection.execute("BEGIN")
    for table, rows in waiting.items():
        # All rows of a table have the same columns.
        columns = ", ".join(f'"{name}"' for name in rows[0])
        parameters = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({parameters})", rows)
    connection.execute("COMMIT")
    waiting.clear()


def with_progress(rows: Iterable[Row], table: str, total: int) -> Iterator[Row]:
    """Yield the same rows, and show on the terminal how many rows of ``table`` are done."""
    count, next_report, started = 0, 0.0, time.monotonic()
    for row in rows:
        yield row
        if row[0] != table:
            continue
        count += 1
        now = time.monotonic()
        if now >= next_report or count == total:
            next_report = now + REPORT_SECONDS
            show(f"{count:,} of {total:,} ({count / total:.0%}), {now - started:.0f} s")
