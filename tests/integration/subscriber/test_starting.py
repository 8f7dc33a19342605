"""The subscriber's database is ready when it starts, also with several starts at once."""

import asyncio
import sqlite3

from subscriber_app.config import Settings
from subscriber_app.database.transactions import Database


async def test_a_new_file_that_another_process_writes_to_is_waited_for(settings: Settings) -> None:
    url = settings.resolved_database_url
    other = sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the busy timeout does not apply to this
    database = Database(url)

    starting = asyncio.create_task(database.create_tables())
    done, _ = await asyncio.wait([starting], timeout=0.1)
    assert not done
    other.close()

    await starting
    await database.close()
