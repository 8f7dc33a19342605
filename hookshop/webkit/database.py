"""Transactions: sessions that read one consistent state, and sessions that commit.

No transaction may stay open across a network call.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

Result = TypeVar("Result")


class Transactions(ABC):
    """Opens transactions of a database, with a session or with a function.

    A session (``reading()``, ``writing()``) suits a page. A function (``read``, ``write``) suits a
    transaction of many statements that runs often: with SQLite it costs half the processor time.

    ``reader`` and ``writer``: engines, which may share one pool. ``write_lock``: held during each
    writing transaction. ``map_unavailable``: turns the driver's errors that mean "unavailable now"
    into ``OperationalError``. ``blocking``: a reader and a writer with which ``read`` and ``write``
    run in a thread; without them, they use the first two. ``session_class``: of the sessions.
    """

    def __init__(  # noqa: PLR0913 – the differences between the two kinds of database
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        *,
        write_lock: Callable[[], AbstractAsyncContextManager[None]],
        map_unavailable: Callable[[], AbstractContextManager[None]],
        blocking: tuple[Engine, Engine] | None = None,
        session_class: type[Session] = Session,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = write_lock
        self._map_unavailable = map_unavailable
        self._blocking = blocking
        self._session_options: dict[str, Any] = {
            "expire_on_commit": False,
            "sync_session_class": session_class,
        }

    @abstractmethod
    async def create_tables(self) -> None:
        """Create or check the tables. Raise ``WrongSchema`` if they are of another version."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent state and writes nothing.

        Raise ``OperationalError`` when the database cannot be read now.
        """
        with self._map_unavailable():
            async with AsyncSession(self._reader, **self._session_options) as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a session that commits when the block ends and rolls back when it raises.

        Raise ``OperationalError`` when the database cannot be written to now.
        """
        with self._map_unavailable():
            async with (
                self._write_lock(),
                AsyncSession(self._writer, **self._session_options) as session,
                session.begin(),
            ):
                yield session

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Call ``work`` with one consistent state of the database, and return its result.

        ``work`` may run in another thread. Raise ``OperationalError`` when the database cannot be
        read now.
        """
        with self._map_unavailable():
            if self._blocking:
                return await asyncio.to_thread(_in_transaction, self._blocking[0], work)
            async with self._reader.begin() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Call ``work`` in a transaction, commit, and return its result.

        ``work`` may run in another thread. Roll back if it raises. Raise ``OperationalError`` when
        the database cannot be written to now.
        """
        with self._map_unavailable():
            async with self._write_lock():
                if self._blocking:
                    return await asyncio.to_thread(_in_transaction, self._blocking[1], work)
                async with self._writer.begin() as connection:
                    return await connection.run_sync(work)

    async def close(self) -> None:
        """Close all connections."""
        for engine in {self._reader, self._writer}:
            await engine.dispose()
        for blocking in self._blocking or ():
            blocking.dispose()


def _in_transaction(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with engine.begin() as connection:
        return work(connection)


async def prepare(database: Transactions) -> None:
    """Create or check the tables, then close the database. Raise the error if it is not usable.

    A process does this before it serves, so that a wrong database is reported at the start.
    """
    try:
        await database.create_tables()
    finally:
        await database.close()
