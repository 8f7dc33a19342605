"""Does together what many ask for at the same moment: one transaction instead of a hundred.

Called by ``webhooks.delivery``. Nothing waits for company: what comes alone is handled at once, and
only what comes while a batch is being handled gathers for the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """``handle``: does a batch, with one result for each item in their order; ``most`` at a time.

    ``fails_for_all``: errors that say nothing of single items. After any other, each item of the
    batch is handled alone, so that one which cannot be handled harms none but itself.
    """

    def __init__(
        self,
        handle: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int,
        fails_for_all: tuple[type[Exception], ...] = (),
    ) -> None:
        self._handle = handle
        self._most = most
        self._fails_for_all = fails_for_all
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._working: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Have an item handled, and wait for its result. Raises what ``handle`` raises for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._do(batch)

    async def _do(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._handle([item for item, _future in batch])
        except Exception as error:  # noqa: BLE001 – whatever it is, it is handed to who asked
            if len(batch) > 1 and not isinstance(error, self._fails_for_all):
                for each in batch:
                    await self._do([each])
                return
            for _item, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_item, future), result in zip(batch, results, strict=True):
            if not future.done():  # whoever asked may have gone
                future.set_result(result)
