"""The files of the databases: only their owner can read them, and a deleted one is noticed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hookshop.webkit.database import Transactions
from shop.database.transactions import Database as ShopDatabase
from subscriber_app.database.transactions import Database as SubscriberDatabase

pytestmark = [
    pytest.mark.one_database("is about SQLite files"),
    pytest.mark.parametrize("database_class", [ShopDatabase, SubscriberDatabase]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that everybody can read, for a process whose files everybody can read."""
    before = os.umask(0)
    folder = tmp_path / "var"
    folder.mkdir()
    yield folder
    os.umask(before)


async def files_in_use(database: Transactions, folder: Path) -> dict[str, int]:
    """Return the mode of each file in the folder while the database is open."""
    await database.create_tables()
    async with database.reading():
        modes = modes_in(folder)
    await database.close()
    return modes


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_the_files_of_a_new_database_are_private(
    database_class: type[ShopDatabase | SubscriberDatabase], folder: Path
) -> None:
    database = database_class(f"sqlite+aiosqlite:///{folder}/books.db")

    modes = await files_in_use(database, folder)

    assert {"books.db", "books.db-wal", "books.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}


async def test_nothing_is_written_to_a_file_that_was_deleted(
    database_class: type[ShopDatabase | SubscriberDatabase], folder: Path
) -> None:
    database = database_class(f"sqlite+aiosqlite:///{folder}/books.db")
    await database.create_tables()
    (folder / "books.db").unlink()

    with pytest.raises(OperationalError, match="is gone"):
        async with database.writing():
            pass

    await database.close()


async def test_the_files_of_an_older_database_become_private(
    database_class: type[ShopDatabase | SubscriberDatabase], folder: Path
) -> None:
    (folder / "books.db").touch(0o644)
    database = database_class(f"sqlite+aiosqlite:///{folder}/books.db")

    modes = await files_in_use(database, folder)

    assert set(modes.values()) == {0o600}
