"""Writes many rows into SQLite fast: no index while they come, and no journal on the disk.

A transaction of a few rows costs as much as one of many thousands, and an index that is built at
the end a tenth of one that is kept up row by row. The triggers stay: totals are kept as always.
"""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.progress import show

BATCH = 20_000  # rows of a kind
CACHE_KIB = 256 * 1024
REPORT_SECONDS = 0.5

# A table's name, and a value for each column that is not left empty.
Row = tuple[str, Mapping[str, Any]]


class DatabaseInUse(Exception):  # noqa: N818 – the name says what happened
    """Somebody else has the database open."""


class AlreadyFilled(Exception):  # noqa: N818 – the name says what happened
    """There are rows already; the message says of what, and how many."""


@contextmanager
def bulk_loading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that nobody else has beside it; all indexes are back at the end.

    Whatever happens: an interrupted filling leaves fewer rows, not a database that is broken.
    Raises ``DatabaseInUse``.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        _take_alone(connection)
        taken_away = _take_away(connection)
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")
            show("Building indexes …")
            for _name, statement in taken_away:
                connection.execute(statement)
            show("")
            connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _take_alone(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise DatabaseInUse(str(error)) from error
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _take_away(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Name and statement of each index; those of primary keys stay."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _statement in found:
        connection.execute(f"DROP INDEX {name}")
    return found


def write(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write them all, in transactions of some ten thousand."""
    waiting: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for table, values in rows:
        waiting[table].append(values)
        if len(waiting[table]) == BATCH:
            _flush(connection, waiting)
    _flush(connection, waiting)


def _flush(connection: sqlite3.Connection, waiting: dict[str, list[Mapping[str, Any]]]) -> None:
    connection.execute("BEGIN")
    for table, rows in waiting.items():
        # All rows of a table name the same columns.
        columns = ", ".join(f'"{name}"' for name in rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
    connection.execute("COMMIT")
    waiting.clear()


def shown(rows: Iterable[Row], table: str, total: int) -> Iterator[Row]:
    """The same rows; says on the terminal how many of ``table`` there have been."""
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
