"""The sandboxes of the subscriber: their list in the main database, and the parts of each.

The list is also in memory, so finding the sandbox of a request costs no query. The subscriber is
one process.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, delete, select

from hookshop.webkit.tasks import end_tasks
from subscriber_app.database.counters import read_closed_counters, read_counters
from subscriber_app.database.models import Sandbox
from subscriber_app.database.transactions import DatabaseFolder, DatabaseShut
from subscriber_app.open_parts import OpenParts
from subscriber_app.parts import SubscriberParts
from subscriber_app.shop_api.errors import ShopError

SWEEP_INTERVAL_SECONDS = 5.0
MAX_CLEANUPS = 4  # at a time: each has a database open

logger = logging.getLogger(__name__)


class UnknownSandbox(Exception):  # noqa: N818 – the name says what happened
    """There is no such sandbox: it has expired or was dropped, or never existed."""

    def __init__(self, sandbox_id: str) -> None:
        super().__init__(f"there is no sandbox {sandbox_id!r}")
        self.sandbox_id = sandbox_id


class SandboxTaken(Exception):  # noqa: N818 – as above
    """Another sandbox has this id."""


class TooManySandboxes(Exception):  # noqa: N818 – as above
    """The limit is reached."""


class Sandboxes:
    """All sandboxes.

    ``main``: opened and closed here, too. ``build``: returns the parts of a sandbox, not opened.
    ``open_parts``: those that are open.
    """

    def __init__(  # noqa: PLR0913 – each is a part of its own
        self,
        main: SubscriberParts,
        folder: DatabaseFolder,
        build: Callable[[Sandbox], SubscriberParts],
        *,
        max_sandboxes: int,
        now: Callable[[], datetime],
        open_parts: OpenParts | None = None,
    ) -> None:
        self.main = main
        self._folder = folder
        self._build = build
        self._max_sandboxes = max_sandboxes
        self._now = now
        self.open_parts = open_parts or OpenParts()
        self._rows: dict[str, Sandbox] = {}
        self._counters: dict[str, dict[str, int]] = {}  # of those that are closed
        self._reopened: set[str] = set()  # since counters were read last
        self._emptied: dict[str, asyncio.Task[None]] = {}  # whose databases are being removed
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._cleanups = asyncio.Semaphore(MAX_CLEANUPS)

    async def open(self) -> None:
        """Open ``main``, and read the list of the others."""
        await self.main.open()
        self._cleanups = asyncio.Semaphore(MAX_CLEANUPS)
        async with self.main.database.reading() as session:
            rows = (await session.exec(select(Sandbox).order_by(col(Sandbox.number)))).all()
        self._rows = {row.id: row for row in rows}
        self._counters.clear()
        for sandbox_id in self._folder.ids() - set(self._rows):
            self._folder.remove(sandbox_id)  # it was being dropped when the process ended
        self._sweeping = asyncio.create_task(self._sweep_regularly())

    async def close(self) -> None:
        """Close everything. It may be opened again, possibly in another event loop."""
        if self._sweeping:
            await end_tasks(self._sweeping)
        while self._emptied:
            await asyncio.wait(list(self._emptied.values()))
        await end_tasks(*self._tasks)
        await self.open_parts.close()
        await self.main.close()

    def end_streams(self) -> None:
        """End the event streams of all sandboxes, because the process is about to stop."""
        self.main.feed.end_streams()
        for parts in self.open_parts.all():
            parts.feed.end_streams()

    def get(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox. Raise ``UnknownSandbox``."""
        row = self._rows.get(sandbox_id)
        if row is None or row.expires_at <= self._now():
            raise UnknownSandbox(sandbox_id)
        return row

    def list(self, *, before: int | None = None) -> Sequence[Sandbox]:
        """Return all sandboxes, newest first. ``before``: only those with a lower number."""
        now = self._now()
        return [
            row
            for row in reversed(self._rows.values())
            if row.expires_at > now and (before is None or _number(row) < before)
        ]

    @asynccontextmanager
    async def using(self, sandbox_id: str) -> AsyncIterator[SubscriberParts]:
        """Keep the parts of a sandbox open during the block.

        Raise ``UnknownSandbox``, or ``OperationalError`` if its database cannot be opened.
        """
        await self._folder.prepare()
        row = self.get(sandbox_id)
        is_new = False
        if sandbox_id not in self.open_parts:
            is_new = self._folder.add(sandbox_id)
            self._reopened.add(sandbox_id)
            self._counters.pop(sandbox_id, None)
        building = self.open_parts.using(sandbox_id, lambda: self._build(row), is_new=is_new)
        async with building as parts:
            yield parts

    async def add(self, new: Sandbox) -> Sandbox:
        """Add a sandbox, and return it. Raise ``SandboxTaken`` or ``TooManySandboxes``."""
        if expired := self._rows.get(new.id):
            if expired.expires_at > self._now():
                raise SandboxTaken(new.id)
            await self.drop(new.id)
        if emptied := self._emptied.get(new.id):
            await asyncio.wait([emptied])
        if len(self._rows) >= self._max_sandboxes:
            raise TooManySandboxes
        if new.id in self._rows:
            raise SandboxTaken(new.id)
        self._rows[new.id] = new  # before the first await: of two at once, one is first
        try:
            async with self.main.database.writing() as session:
                session.add(new)
        except BaseException:
            self._rows.pop(new.id, None)
            raise
        logger.info("Made the sandbox %s of the shop at %s", new.id, new.shop_url)
        return new

    async def change(self, sandbox: Sandbox, *, expires_at: datetime) -> Sandbox:
        """Change when a sandbox expires, and return the changed one."""
        async with self.main.database.writing() as session:
            changed = await session.get_one(Sandbox, sandbox.number)
            changed.expires_at = expires_at
        self._rows[changed.id] = changed
        return changed

    async def drop(self, sandbox_id: str) -> None:
        """Drop a sandbox: from now on it is unknown. Its database is removed in the background.

        Raise ``UnknownSandbox``.
        """
        row = self._rows.pop(sandbox_id, None)
        if row is None:
            raise UnknownSandbox(sandbox_id)
        self._counters.pop(sandbox_id, None)
        try:
            async with self.main.database.writing() as session:
                await session.exec(delete(Sandbox).where(col(Sandbox.number) == row.number))
        except BaseException:
            self._rows[sandbox_id] = row
            raise
        task = asyncio.create_task(self._empty(row))
        self._emptied[sandbox_id] = task
        task.add_done_callback(lambda _task: self._emptied.pop(sandbox_id))
        logger.info("Dropped the sandbox %s", sandbox_id)

    async def counters(self) -> Counter[str]:
        """Return the sum of each counter over all sandboxes.

        Those of a closed sandbox are read from its file once, and kept until it is opened again.
        """
        total = Counter(await self.main.database.read(read_counters))
        for parts in self.open_parts.all():
            with suppress(DatabaseShut):
                total.update(await parts.database.read(read_counters))
        for counters in (await self._closed_counters()).values():
            total.update(counters)
        return total

    async def _closed_counters(self) -> dict[str, dict[str, int]]:
        """Return the counters of each closed sandbox."""
        closed = [sandbox_id for sandbox_id in self._rows if sandbox_id not in self.open_parts]
        unread = [sandbox_id for sandbox_id in closed if sandbox_id not in self._counters]
        self._reopened.clear()

        def read() -> dict[str, dict[str, int]]:
            return {each: read_closed_counters(self._folder.file(each)) for each in unread}

        found = await asyncio.to_thread(read) if unread else {}
        # Those that were opened meanwhile may change from now on.
        kept = {each: found[each] for each in found if each not in self._reopened}
        self._counters |= {each: kept[each] for each in kept if each in self._rows}
        known = self._counters | found
        return {each: known[each] for each in closed if each in known}

    async def sweep(self) -> None:
        """Drop what has expired, and close what is idle."""
        now = self._now()
        for sandbox_id in [each.id for each in self._rows.values() if each.expires_at <= now]:
            with suppress(UnknownSandbox):
                await self.drop(sandbox_id)
        self.open_parts.close_idle()

    async def _sweep_regularly(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            try:
                await self.sweep()
            except SQLAlchemyError as error:
                logger.warning("Expired sandboxes are not dropped yet: %s", error)
            except Exception:
                # Log and go on: a dead loop would go unnoticed.
                logger.exception("Dropping expired sandboxes failed unexpectedly")

    async def _empty(self, row: Sandbox) -> None:
        """Close the sandbox for good, remove its database, and unsubscribe from its shop."""
        parts = await self.open_parts.take_out(row.id)
        if parts:
            parts.feed.end_streams()
        async with self._cleanups:
            try:
                await self._unsubscribe_later(parts or await self._opened(row))
            except Exception:
                logger.exception("Closing the dropped sandbox %s failed", row.id)
            self._folder.remove(row.id)

    async def _opened(self, row: Sandbox) -> SubscriberParts:
        await self._folder.prepare()
        self._folder.add(row.id)
        parts = self._build(row)
        await parts.open()
        return parts

    async def _unsubscribe_later(self, parts: SubscriberParts) -> None:
        """Close the parts, then begin to delete the endpoint at the shop."""
        try:
            subscription = await parts.subscriptions.current()
        finally:
            await parts.close_for_good()
        if subscription:
            task = asyncio.create_task(_unsubscribe(parts, subscription.endpoint_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _unsubscribe(parts: SubscriberParts, endpoint_id: str) -> None:
    try:
        await parts.shop.delete(endpoint_id)
    except ShopError as error:  # its sandbox may be gone already
        logger.info("%s stays registered: %s", endpoint_id, error)


def _number(row: Sandbox) -> int:
    return row.number or 0
