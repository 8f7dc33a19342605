"""Opens the shop's database and its transactions.

Every process builds one ``Database`` at start (``app``, ``worker``); services are handed a session
or open one with ``reading()`` or ``writing()``. No transaction is ever open across a network call.
"""

from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)

from sqlmodel.ext.asyncio.session import AsyncSession

from shop import migrations, on_postgres, on_sqlite


class Database:
    """The engine and two ways into it: ``reading()`` and ``writing()``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = on_sqlite.file_of(url)  # None: PostgreSQL
        open_engines = on_sqlite.open_engines if self._file else on_postgres.open_engines
        self._reader, self._writer = open_engines(url)
        self._turn = on_sqlite.WriteTurn(self._file) if self._file else None

    async def create_tables(self) -> None:
        """See to it that the tables are those of this version; called when a process starts.

        A file of SQLite is made or upgraded. PostgreSQL is only looked at: other processes, of the
        version before, may be at work there; ``migrate`` is for whoever looks after all of them.
        Raises ``WrongSchema`` when this version cannot work with what is there.
        """
        if self._file:
            await self.migrate()
            return
        async with self.reading() as session:
            await (await session.connection()).run_sync(migrations.check)

    async def migrate(self) -> None:
        """Create or upgrade the tables, or raise ``WrongSchema``; safe for several at once."""
        if not self._file:
            await on_postgres.migrate(self._url)
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        await on_sqlite.use_write_ahead_log(self._reader)
        async with self.writing() as session:
            await (await session.connection()).run_sync(migrations.upgrade)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that sees one consistent state and writes nothing.

        Raises ``OperationalError`` when the database cannot be read now.
        """
        with self._one_error():
            async with AsyncSession(self._reader, expire_on_commit=False) as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a session that commits when the block ends and rolls back when it raises.

        Raises ``OperationalError`` when the database cannot be written to now.
        """
        with self._one_error():
            async with (
                self._writers_turn(),
                AsyncSession(self._writer, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    def _writers_turn(self) -> AbstractAsyncContextManager[None]:
        return self._turn.taken() if self._turn else nullcontext()

    def _one_error(self) -> AbstractContextManager[None]:
        return nullcontext() if self._file else on_postgres.one_error_for_not_now()

    async def close(self) -> None:
        """Close all connections; the database is not usable afterwards."""
        for engine in {self._reader, self._writer}:
            await engine.dispose()
        if self._turn:
            self._turn.close()
