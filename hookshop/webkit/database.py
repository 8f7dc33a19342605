"""Transactions: sessions that read one consistent state, and sessions that commit.

No transaction may stay open across a network call.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

Result = TypeVar("Result")


class Transactions(ABC):
    """Opens sessions of a database: ``reading()`` and ``writing()``.

    ``reader`` and ``writer``: engines, which may share one pool. ``write_lock``: held during each
    writing transaction. ``map_unavailable``: turns the driver's errors that mean "unavailable now"
    into ``OperationalError``.
    """

    def __init__(
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        *,
        write_lock: Callable[[], AbstractAsyncContextManager[None]],
        map_unavailable: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = write_lock
        self._map_unavailable = map_unavailable

    @abstractmethod
    async def create_tables(self) -> None:
        """Create or check the tables. Raise ``WrongSchema`` if they are of another version."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent state and writes nothing.

        Raise ``OperationalError`` when the database cannot be read now.
        """
        with self._map_unavailable():
            async with AsyncSession(self._reader, expire_on_commit=False) as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a session that commits when the block ends and rolls back when it raises.

        Raise ``OperationalError`` when the database cannot be written to now.
        """
        with self._map_unavailable():
            async with (
                self._write_lock(),
                AsyncSession(self._writer, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a transaction as ``reading`` has it, and return its result."""
        with self._map_unavailable():
            async with self._reader.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a transaction as ``writing`` has it, and return its result."""
        with self._map_unavailable():
            async with self._write_lock(), self._writer.begin() as connection:
                return await connection.run_sync(work)

    async def close(self) -> None:
        """Close all connections."""
        for engine in {self._reader, self._writer}:
            await engine.dispose()


async def prepare(database: Transactions) -> None:
    """Create or check the tables, then close the database. Raise the error if it is not usable.

    A process does this before it serves, so that a wrong database is reported at the start.
    """
    try:
        await database.create_tables()
    finally:
        await database.close()
