"""Opens the shop's database: an SQLite file or PostgreSQL."""

from contextlib import nullcontext

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from shop.database import postgresql
from shop.database.bound_session import BoundSession
from shop.database.migrations import MIGRATIONS


class Database(Transactions):
    """The shop's database: its transactions and the migration of its tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = sqlite.sqlite_file(url)  # None: PostgreSQL
        self._lock = sqlite.WriteLock(self._file) if self._file else None
        open_engines = sqlite.open_engines if self._file else postgresql.open_engines
        super().__init__(
            *open_engines(url),
            write_lock=self._lock.held if self._lock else nullcontext,
            map_unavailable=nullcontext if self._file else postgresql.map_unavailable,
            blocking=sqlite.open_blocking_engines(self._file) if self._file else None,
            session_class=BoundSession,
        )

    async def create_tables(self) -> None:
        """Create or upgrade the tables of an SQLite file; only check those of PostgreSQL.

        Processes of an older version may use PostgreSQL, so its operator decides when to run
        ``make migrate``. Raise ``WrongSchema`` if the tables are of another version.
        """
        if self._file:
            await self.migrate()
            return
        async with self.reading() as session:
            await (await session.connection()).run_sync(MIGRATIONS.check)

    async def migrate(self) -> None:
        """Create or upgrade the tables. Several processes may call it at the same time.

        Raise ``WrongSchema`` if the tables cannot be upgraded to this version.
        """
        if not self._file:
            await postgresql.migrate(self._url)
            return
        await sqlite.create_file(self._file, self._reader)
        async with self.writing() as session:
            await (await session.connection()).run_sync(MIGRATIONS.upgrade)

    async def close(self) -> None:
        """Close all connections and lock files."""
        await super().close()
        if self._lock:
            self._lock.close()
