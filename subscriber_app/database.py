"""Opens the subscriber's database and its transactions.

``app`` builds one ``Database`` at start; services open a session with ``reading()`` or
``writing()``. No transaction is ever open across a network call.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from subscriber_app import migrations

BUSY_TIMEOUT_SECONDS = 5
SWITCH_AGAIN_SECONDS = 0.02

# A transaction that reads first and writes later fails at once with "database is locked" when
# another one wrote in between; the busy timeout does not help there. So writers say so up front.
TO_WRITE = {"begin": "BEGIN IMMEDIATE"}


class Database:
    """The engine and two ways into it: ``reading()`` and ``writing()``."""

    def __init__(self, url: str) -> None:
        # An error's text goes into the log, where a row's values, such as a secret, must not.
        self._engine = create_async_engine(url, hide_parameters=True)
        # The same pool; the option tells _begin below how to open a transaction.
        self._writer = self._engine.execution_options(**TO_WRITE)
        # SQLite lets one writer in at a time. Within a process they queue up here, which costs
        # nothing; left to the database, each would ask again and again whether it is its turn.
        self._turn: asyncio.Lock | None = None
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
            self._turn = asyncio.Lock()

    async def create_tables(self) -> None:
        """Create or upgrade the tables; safe when several processes start at once.

        Raises ``WrongSchema`` when this version cannot work with what is there.
        """
        path = make_url(self._engine.url).database
        if self._engine.dialect.name == "sqlite":
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            await _use_write_ahead_log(self._engine)
        async with self._writer.begin() as connection:
            await connection.run_sync(migrations.upgrade)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent state and writes nothing."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a session that commits when the block ends and rolls back when it raises.

        Raises ``OperationalError`` when others keep the database from being written to.
        """
        async with (
            _waiting_for(self._turn),
            AsyncSession(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def close(self) -> None:
        """Close all connections; the database is not usable afterwards."""
        await self._engine.dispose()


@asynccontextmanager
async def _waiting_for(turn: asyncio.Lock | None) -> AsyncIterator[None]:
    if turn is None:
        yield
        return
    try:
        async with asyncio.timeout(BUSY_TIMEOUT_SECONDS):
            await turn.acquire()
    except TimeoutError:
        # As the database itself would say it.
        reason = TimeoutError("too many others wait to write")
        raise OperationalError("BEGIN IMMEDIATE", None, reason) from None
    try:
        yield
    finally:
        turn.release()


def _prepare_sqlite(engine: AsyncEngine) -> None:
    event.listen(engine.sync_engine, "connect", _configure_connection)
    event.listen(engine.sync_engine, "begin", _begin)


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


async def _use_write_ahead_log(engine: AsyncEngine) -> None:
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
