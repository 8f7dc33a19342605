"""Opens the subscriber's database, an SQLite file."""

from contextlib import nullcontext

from sqlalchemy import Connection

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from hookshop.webkit.encryption import Encryption
from subscriber_app.database.migrations import MIGRATIONS, PLAIN_TEXT_VERSIONS


class Database(Transactions):
    """The subscriber's database. ``encryption``: for upgrading one with secrets in plain text."""

    def __init__(self, url: str, encryption: Encryption | None = None) -> None:
        self._file = sqlite.require_sqlite_file(url)
        self._encryption = encryption
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
            version = await (await session.connection()).run_sync(self._upgrade)
        if version in PLAIN_TEXT_VERSIONS:
            # Secrets that were deleted or moved earlier are still in the free space of the file.
            await sqlite.rewrite(self._reader)

    def _upgrade(self, connection: Connection) -> str | None:
        """Upgrade the tables and return their version before."""
        version = MIGRATIONS.read_version(connection)
        encrypt = self._encryption.encrypt if self._encryption else None
        MIGRATIONS.upgrade(connection, encrypt=encrypt)
        return version

    async def close(self) -> None:
        """Close all connections. The database cannot be used afterwards."""
        await super().close()
        self._lock.close()
