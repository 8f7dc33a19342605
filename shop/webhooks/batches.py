"""Reads the ids of many rows in batches, so that a large change does not block other writers."""

from collections.abc import AsyncIterator, Sequence

from sqlmodel.sql.expression import SelectOfScalar

from shop.database.transactions import Database

MAX_BATCH_ROWS = 200  # in one transaction; takes a few hundredths of a second on SQLite
# Read many batches at once: sorting a large backlog for each batch would take most of the time.
MAX_PAGE_ROWS = 10_000


async def id_batches(database: Database, ids: SelectOfScalar[str]) -> AsyncIterator[Sequence[str]]:
    """Yield the selected ids in ascending order, at most ``MAX_BATCH_ROWS`` at a time.

    ``ids``: a query that selects only the id. No transaction is open while the caller works on a
    batch, so rows may change after they were read: update them conditionally.
    """
    [column] = ids.selected_columns
    after = ""
    while True:
        page = ids.where(column > after).order_by(column).limit(MAX_PAGE_ROWS)
        async with database.reading() as session:
            found = (await session.exec(page)).all()
        for start in range(0, len(found), MAX_BATCH_ROWS):
            yield found[start : start + MAX_BATCH_ROWS]
        if len(found) < MAX_PAGE_ROWS:
            return
        after = found[-1]
