"""Opens the shop's database: a file of SQLite, or PostgreSQL."""

from contextlib import nullcontext

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from shop.database import postgresql
from shop.database.migrations import MIGRATIONS


class Database(Transactions):
    """Transactions of the shop's database, and its tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = sqlite.sqlite_file(url)  # None: PostgreSQL
        self._lock = sqlite.WriteLock(self._file) if self._file else None
        open_engines = sqlite.open_engines if self._file else postgresql.open_engines
        super().__init__(
            *open_engines(url),
            write_lock=self._lock.held if self._lock else nullcontext,
            map_unavailable=nullcontext if self._file else postgresql.map_unavailable,
        )

    async def create_tables(self) -> None:
        """Make sure that the tables are those of this version.

        A file of SQLite is created or upgraded. PostgreSQL is only checked: processes of the
        version before may be at work there, and ``migrate`` is for the person who runs them all.
        Raise ``WrongSchema`` when this version cannot work with the tables.
        """
        if self._file:
            await self.migrate()
            return
        async with self.reading() as session:
            await (await session.connection()).run_sync(MIGRATIONS.check)

    async def migrate(self) -> None:
        """Create or upgrade the tables, or raise ``WrongSchema``; safe for several at once."""
        if not self._file:
            await postgresql.migrate(self._url)
            return
        await sqlite.create_file(self._file, self._reader)
        async with self.writing() as session:
            await (await session.connection()).run_sync(MIGRATIONS.upgrade)

    async def close(self) -> None:
        """Close all connections; the database is not usable afterwards."""
        await super().close()
        if self._lock:
            self._lock.close()
