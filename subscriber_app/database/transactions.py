"""Opens the subscriber's database, an SQLite file."""

from contextlib import nullcontext

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from subscriber_app.database.migrations import MIGRATIONS


class Database(Transactions):
    """The subscriber's database."""

    def __init__(self, url: str) -> None:
        self._file = sqlite.require_sqlite_file(url)
        self._lock = sqlite.WriteLock(self._file)
        super().__init__(
            *sqlite.open_engines(url),
            write_lock=self._lock.held,
            map_unavailable=nullcontext,
            blocking=sqlite.open_blocking_engines(self._file),
        )

    async def create_tables(self) -> None:
        """Create or upgrade the tables; safe for several processes. Raise ``WrongSchema``."""
        await sqlite.create_file(self._file, self._reader)
        async with self.writing() as session:
            await (await session.connection()).run_sync(MIGRATIONS.upgrade)

    async def close(self) -> None:
        """Close all connections. The database cannot be used afterwards."""
        await super().close()
        self._lock.close()
