"""Opens the subscriber's databases: SQLite files, one for each sandbox."""

import asyncio
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import OperationalError

from hookshop.webkit import sqlite
from hookshop.webkit.database import Transactions
from hookshop.webkit.encryption import Encryption
from subscriber_app.database.migrations import MIGRATIONS, NEWEST, PLAIN_TEXT_VERSIONS

# Alembic keeps the migration that runs in global variables.
_UPGRADING = threading.Lock()


class DatabaseShut(OperationalError):  # noqa: N818 – the name says what happened
    """The database was closed for good, because its sandbox was dropped."""

    def __init__(self) -> None:
        super().__init__("BEGIN", None, RuntimeError("this sandbox was dropped"))


class Database(Transactions):
    """One database of the subscriber.

    ``encryption``: for upgrading one with secrets in plain text. ``idle_connections``: how many
    stay open for reading and writing, and as many for transactions in threads.
    """

    def __init__(
        self,
        url: str,
        encryption: Encryption | None = None,
        *,
        idle_connections: int = sqlite.MAX_IDLE_CONNECTIONS,
    ) -> None:
        self._file = sqlite.require_sqlite_file(url)
        self._encryption = encryption
        self._lock = sqlite.WriteLock(self._file)
        self._gate = _Gate()
        super().__init__(
            *sqlite.open_engines(url, idle_connections=idle_connections),
            write_lock=self._lock.held,
            # All transactions pass here.
            map_unavailable=self._gate.passed,
            blocking=sqlite.open_blocking_engines(self._file, idle_connections=idle_connections),
        )

    async def create_tables(self) -> None:
        """Create or upgrade the tables; safe for several processes. Raise ``WrongSchema``."""
        await sqlite.create_file(self._file, self._reader)
        version = await self.write(self._upgrade)
        if version in PLAIN_TEXT_VERSIONS:
            # Secrets that were deleted or moved earlier are still in the free space of the file.
            await sqlite.rewrite(self._reader)

    def _upgrade(self, connection: Connection) -> str | None:
        """Upgrade the tables and return their version before."""
        version = MIGRATIONS.read_version(connection)
        if version != NEWEST:
            encrypt = self._encryption.encrypt if self._encryption else None
            with _UPGRADING:
                MIGRATIONS.upgrade(connection, encrypt=encrypt)
        return version

    async def shut(self) -> None:
        """Refuse new transactions with ``DatabaseShut``, and wait for those that run."""
        await self._gate.shut()

    async def close(self) -> None:
        """Close all connections. A database that is not shut opens new ones when it is used."""
        await super().close()
        self._lock.close()


class _Gate:
    """Counts the transactions that run, and lets no more in once it is shut."""

    def __init__(self) -> None:
        self._running = 0
        self._is_shut = False
        self._is_empty = asyncio.Event()

    @contextmanager
    def passed(self) -> Iterator[None]:
        if self._is_shut:
            raise DatabaseShut
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if self._is_shut and not self._running:
                self._is_empty.set()

    async def shut(self) -> None:
        self._is_shut = True
        if self._running:
            await self._is_empty.wait()


class DatabaseFolder:
    """The folder with the databases of the sandboxes, beside the main database.

    ``url``: of the main database.
    """

    def __init__(self, url: str) -> None:
        main = sqlite.require_sqlite_file(url)
        self._folder = main.with_name(f"{main.name}.sandboxes")
        # Its name is not a sandbox id.
        self._empty = self._folder / f"_{NEWEST}.db"
        self._is_prepared = False

    def url(self, sandbox_id: str) -> str:
        """Return the URL of a sandbox's database for SQLAlchemy."""
        return str(URL.create("sqlite+aiosqlite", database=str(self.file(sandbox_id))))

    def file(self, sandbox_id: str) -> Path:
        """Return the file of a sandbox's database, whether it exists or not."""
        return self._folder / f"{sandbox_id}.db"

    async def prepare(self) -> None:
        """Make the empty database that is copied for each sandbox, unless this version has it.

        A copy takes less than a millisecond, the migrations a hundred.
        """
        if self._is_prepared or self._empty.exists():
            self._is_prepared = True
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Its name is its own, so that two of these do not meet.
        draft = self._folder / f"{self._empty.name}.{secrets.token_hex(4)}"
        database = Database(str(URL.create("sqlite+aiosqlite", database=str(draft))))
        await database.create_tables()
        await database.close()  # the last connection writes the whole log into the file
        draft.rename(self._empty)
        _remove(draft)

    def add(self, sandbox_id: str) -> bool:
        """Make the sandbox's database, unless it exists. ``prepare`` must have been called.

        Return whether it is new: then it is empty, and has the tables of this version.
        """
        file = self.file(sandbox_id)
        if file.exists():
            return False
        draft = file.with_name(f"{file.name}.draft")
        shutil.copyfile(self._empty, draft)
        draft.chmod(sqlite.PRIVATE_MODE)
        draft.rename(file)
        return True

    def remove(self, sandbox_id: str) -> None:
        """Remove the sandbox's database, which must be closed."""
        _remove(self.file(sandbox_id))

    def ids(self) -> set[str]:
        """Return the ids of all databases in the folder."""
        names = {path.name for path in self._folder.glob("*.db")} - {self._empty.name}
        return {name.removesuffix(".db") for name in names}


def _remove(file: Path) -> None:
    for path in sqlite.files_of(file):
        path.unlink(missing_ok=True)
