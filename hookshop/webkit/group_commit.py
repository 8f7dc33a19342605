"""Group commit: what comes at once shares a transaction.

A commit waits for the disk, and every transaction has a cost of its own. So while one transaction
runs, other items wait, and the next transaction takes all of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from hookshop.webkit.database import Transactions

# Bounds a transaction, and with it how long other writers wait.
MAX_ITEMS = 100

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class _Entry(Generic[Item, Outcome]):
    """An item and its outcome, which its owner waits for."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)

    def succeed(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class GroupCommit(Generic[Item, Outcome]):
    """Commits items, and returns the outcome of each after its commit.

    ``work``: stores items and returns an outcome for each, in their order. It runs in another
    thread. ``after_commit``: called after each transaction, before any outcome is returned.
    """

    def __init__(
        self,
        database: Transactions,
        work: Callable[[Connection, Sequence[Item]], Sequence[Outcome]],
        after_commit: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._work = work
        self._after_commit = after_commit
        self._waiting: deque[_Entry[Item, Outcome]] = deque()
        self._separate = 0  # that many items get a transaction of their own
        self._running: asyncio.Task[None] | None = None

    async def commit(self, item: Item) -> Outcome:
        """Commit an item, and return its outcome. Raise what ``work`` raises for this item alone.

        Raise ``OperationalError`` if the database cannot be written to now. An item whose owner is
        cancelled before its transaction begins is dropped.
        """
        entry = _Entry[Item, Outcome](item)
        self._waiting.append(entry)
        if self._running is None:
            # An empty context: the task serves many requests, and outlives the first one.
            self._running = asyncio.create_task(self._commit_all(), context=Context())
        return await entry.outcome

    async def close(self) -> None:
        """Wait until nothing is being committed."""
        if self._running:
            await asyncio.wait([self._running])

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                await self._commit_next()
        finally:
            self._running = None

    async def _commit_next(self) -> None:
        batch: list[_Entry[Item, Outcome]] = []

        def work(connection: Connection) -> Sequence[Outcome]:
            # Not before the transaction has begun, so that late arrivals join the batch.
            batch.extend(self._take())
            return self._work(connection, [entry.item for entry in batch]) if batch else ()

        try:
            outcomes = await self._database.write(work)
        except Exception as error:  # noqa: BLE001 – the callers of ``commit`` get it
            self._fail(batch, error)
            return
        if self._after_commit:
            self._after_commit()
        for entry, outcome in zip(batch, outcomes, strict=True):
            entry.succeed(outcome)

    def _take(self) -> list[_Entry[Item, Outcome]]:
        size = 1 if self._separate else min(len(self._waiting), MAX_ITEMS)
        self._separate = max(self._separate - 1, 0)
        taken = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        return [entry for entry in taken if not entry.outcome.done()]

    def _fail(self, batch: list[_Entry[Item, Outcome]], error: Exception) -> None:
        """Fail those whom the error concerns. Of several, nobody knows which one caused it.

        An ``OperationalError`` concerns all of them: the database is unavailable now. If each one
        tried again, the last one would wait for as many time-outs.
        """
        if len(batch) > 1 and not isinstance(error, OperationalError):
            self._waiting.extendleft(reversed(batch))
            self._separate = len(batch)
            return
        if not batch:  # no transaction could begin: waiting longer would not help
            batch, self._waiting = list(self._waiting), deque()
        for entry in batch:
            entry.fail(error)
