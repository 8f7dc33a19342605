"""Which sandboxes are open: a few of many, so that an idle one costs nothing."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from subscriber_app.parts import SubscriberParts

# Each has up to ten open files and two threads. What is in use stays open beyond this number.
MAX_OPEN_SANDBOXES = 40
MAX_IDLE_SECONDS = 60.0


@dataclass(slots=True)
class _Opened:
    parts: SubscriberParts
    opening: asyncio.Task[None]
    users: int = 0  # requests that are under way, streams among them
    used_at: float = field(default_factory=time.monotonic)


class OpenParts:
    """Opens the parts of a sandbox with its first request, and closes them when nobody uses them.

    ``is_open``: by id.
    """

    def __init__(
        self,
        *,
        max_open: int = MAX_OPEN_SANDBOXES,
        max_idle_seconds: float = MAX_IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_open = max_open
        self._max_idle_seconds = max_idle_seconds
        self._clock = clock
        self._opened: OrderedDict[str, _Opened] = OrderedDict()  # used last: at the end
        self._closing: dict[asyncio.Task[None], str] = {}

    def __len__(self) -> int:
        return len(self._opened)

    def __contains__(self, sandbox_id: str) -> bool:
        return sandbox_id in self._opened

    def all(self) -> Iterator[SubscriberParts]:
        """Yield the parts that are open, or about to be."""
        return (opened.parts for opened in list(self._opened.values()))

    @asynccontextmanager
    async def using(
        self, sandbox_id: str, build: Callable[[], SubscriberParts], *, is_new: bool = False
    ) -> AsyncIterator[SubscriberParts]:
        """Keep the parts of a sandbox open during the block. ``build``: makes them if necessary.

        ``is_new``: its database has just been made, so there is nothing to upgrade or to load.
        Raise ``OperationalError`` or ``WrongSchema`` if the database cannot be opened.
        """
        opened = self._opened.get(sandbox_id) or self._begin(sandbox_id, build(), is_new=is_new)
        opened.users += 1
        self._opened.move_to_end(sandbox_id)
        self._close_beyond_the_limit()
        try:
            # Others may wait for it, too: a client that leaves must not end it.
            await asyncio.shield(opened.opening)
            yield opened.parts
        finally:
            opened.users -= 1
            opened.used_at = self._clock()
            self._close_beyond_the_limit()

    def close_idle(self) -> None:
        """Close in the background what nobody has used for a while."""
        before = self._clock() - self._max_idle_seconds
        for sandbox_id, opened in list(self._opened.items()):
            if not opened.users and opened.used_at <= before:
                self._close(sandbox_id)

    async def take_out(self, sandbox_id: str) -> SubscriberParts | None:
        """Return the parts if they are open; they are the caller's to close. Wait for closing."""
        opened = self._opened.pop(sandbox_id, None)
        closing = [task for task, closed in self._closing.items() if closed == sandbox_id]
        if closing:
            await asyncio.wait(closing)
        if opened is None:
            return None
        await asyncio.wait([opened.opening])
        return None if opened.opening.exception() else opened.parts

    async def close(self) -> None:
        """Close all of them."""
        for sandbox_id in list(self._opened):
            self._close(sandbox_id)
        while self._closing:
            await asyncio.wait(list(self._closing))

    def _begin(self, sandbox_id: str, parts: SubscriberParts, *, is_new: bool) -> _Opened:
        opening = asyncio.create_task(_nothing() if is_new else self._open(sandbox_id, parts))
        # If all who wait for it have left, nobody else reads its error.
        opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        opened = _Opened(parts, opening, used_at=self._clock())
        self._opened[sandbox_id] = opened
        return opened

    async def _open(self, sandbox_id: str, parts: SubscriberParts) -> None:
        try:
            await parts.open()
        except BaseException:
            opened = self._opened.get(sandbox_id)
            if opened and opened.parts is parts:
                del self._opened[sandbox_id]
            await parts.close()
            raise

    def _close_beyond_the_limit(self) -> None:
        for sandbox_id, opened in list(self._opened.items()):
            if len(self._opened) <= self._max_open:
                return
            if not opened.users:
                self._close(sandbox_id)

    def _close(self, sandbox_id: str) -> None:
        opened = self._opened.pop(sandbox_id)
        task = asyncio.create_task(_close_opened(opened))
        self._closing[task] = sandbox_id
        task.add_done_callback(self._closing.pop)


async def _nothing() -> None:
    pass


async def _close_opened(opened: _Opened) -> None:
    with suppress(Exception):  # it has been reported to those who wait for it
        await opened.opening
    await opened.parts.close()
