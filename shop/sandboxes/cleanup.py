"""What a worker does for sandboxes: drops those that have expired, deletes rows of dropped ones."""

from collections.abc import Sequence
from datetime import datetime

from shop.database.transactions import Database
from shop.sandboxes import registry
from shop.sandboxes.emptying import delete_rows


async def clean_up(database: Database, *, now: datetime) -> Sequence[int]:
    """Drop what has expired, and delete the rows of what was dropped a moment ago.

    Return the numbers of the sandboxes that were dropped. If there is nothing to do, only read.
    """
    async with database.reading() as session:
        expired = await registry.find_expired(session, now=now)
        dropped = await registry.find_dropped(session, now=now)
    if expired:
        async with database.writing() as session:
            expired = await registry.drop_expired(session, now=now)
    for number in dropped:
        await delete_rows(database, number)
    return expired
