"""Opens the subscriber's database, a file of SQLite."""

from contextlib import nullcontext

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from subscriber_app.database.migrations import MIGRATIONS


class Database(Transactions):
    """Transactions of the subscriber's database, and its tables."""

    def __init__(self, url: str) -> None:
        self._file = sqlite.require_sqlite_file(url)
        self._lock = sqlite.WriteLock(self._file)
        super().__init__(
            *sqlite.open_engines(url), write_lock=self._lock.held, map_unavailable=nullcontext
        )

    async def create_tables(self) -> None:
        """Create or upgrade the tables, or raise ``WrongSchema``; safe for several at once."""
        await sqlite.create_file(self._file, self._reader)
        async with self.writing() as session:
            await (await session.connection()).run_sync(MIGRATIONS.upgrade)

    async def close(self) -> None:
        """Close all connections; the database is not usable afterwards."""
        await super().close()
        self._lock.close()
