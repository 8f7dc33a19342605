"""Does together what many ask for at the same moment: one transaction instead of a hundred.

Called by ``webhooks.ledger`` and ``queue``. Nothing waits for company: what comes alone is handled
at once, and only what comes while a batch is being handled gathers for the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Item, Result]):
    item: Item
    future: asyncio.Future[Result]


class Batches(Generic[Item, Result]):
    """``handle``: does a batch of ``most`` items at most, with one result for each in their order.

    ``handle`` is given a function that tells the items, and calls it as late as it can: what comes
    while it waits for its turn is in the batch.
    ``fails_for_all``: errors that say nothing of single items. After any other, each item of the
    batch is handled alone, so that one which cannot be handled harms none but itself.
    """

    def __init__(
        self,
        handle: Callable[[Callable[[], Sequence[Item]]], Awaitable[Sequence[Result]]],
        *,
        most: int,
        fails_for_all: tuple[type[Exception], ...] = (),
    ) -> None:
        self._handle = handle
        self._most = most
        self._fails_for_all = fails_for_all
        self._waiting: list[_Asked[Item, Result]] = []
        self._working: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Have an item handled, and wait for its result. Raises what ``handle`` raises for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(item, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            # Those who have just been given their results go on first: they hold nothing up then.
            await asyncio.sleep(0)
            batch: list[_Asked[Item, Result]] = []
            await self._do(batch)

    async def _do(self, batch: list[_Asked[Item, Result]]) -> None:
        def tell() -> Sequence[Item]:
            if not batch:
                batch.extend(self._waiting[: self._most])
                del self._waiting[: self._most]
            return [asked.item for asked in batch]

        try:
            results = await self._handle(tell)
        except Exception as error:  # noqa: BLE001 – whatever it is, it is handed to who asked
            tell()  # it may have failed before it asked
            if len(batch) > 1 and not isinstance(error, self._fails_for_all):
                for each in batch:
                    await self._do([each])
                return
            for asked in batch:
                if not asked.future.done():
                    asked.future.set_exception(error)
            return
        for asked, result in zip(batch, results, strict=True):
            if not asked.future.done():  # whoever asked may have gone
                asked.future.set_result(result)
