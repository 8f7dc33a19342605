"""Works through many rows in small transactions, so that nobody waits long for a large change."""

from collections.abc import AsyncIterator, Sequence

from sqlmodel.sql.expression import SelectOfScalar

from shop.database.transactions import Database

MAX_STEP_ROWS = 200  # in a transaction: some hundredths of a second on SQLite
# Read at once, since sorting a large backlog anew for each step would take most of the time.
MAX_PAGE_ROWS = 10_000


async def id_steps(database: Database, ids: SelectOfScalar[str]) -> AsyncIterator[Sequence[str]]:
    """Yield the selected ids in ascending order, at most ``MAX_STEP_ROWS`` at a time.

    ``ids``: selects the one column that it yields. No transaction is open while the caller works
    on a step, so rows may have changed since they were read: change them conditionally.
    """
    [column] = ids.selected_columns
    after = ""
    while True:
        page = ids.where(column > after).order_by(column).limit(MAX_PAGE_ROWS)
        async with database.reading() as session:
            found = (await session.exec(page)).all()
        for start in range(0, len(found), MAX_STEP_ROWS):
            yield found[start : start + MAX_STEP_ROWS]
        if len(found) < MAX_PAGE_ROWS:
            return
        after = found[-1]
