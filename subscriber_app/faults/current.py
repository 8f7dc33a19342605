"""The one fault that is set. Stored in the database, so that a restart does not change it."""

import asyncio
import logging

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import FaultSetting
from subscriber_app.database.transactions import Database
from subscriber_app.faults.actions import BadFault, FaultAction, FaultActionKind
from subscriber_app.faults.settings import NORMAL, Fault, FaultMode, make_fault
from subscriber_app.faults.worker_crash import WorkerCrash

_ONLY_ROW = 1
_CRASH = FaultAction(FaultActionKind.CRASH_WORKER)

logger = logging.getLogger(__name__)


class Faults:
    """The current fault of this subscriber, and its position in a sequence.

    ``worker_crash``: instead of a fault. Setting any fault disarms it.
    """

    def __init__(
        self, database: Database, feed: LocalChangeFeed, worker_crash: WorkerCrash
    ) -> None:
        self.worker_crash = worker_crash
        self._database = database
        self._feed = feed
        self._current = NORMAL
        self._lock = asyncio.Lock()  # each request uses a different position of a sequence

    @property
    def current(self) -> Fault:
        """Return the current fault."""
        return self._current

    @property
    def is_active(self) -> bool:
        """Return whether anything can still go wrong on purpose."""
        return self._current.is_active or self.worker_crash.is_armed

    async def load(self) -> None:
        """Load the stored fault, when the application starts."""
        self._lock = asyncio.Lock()  # the application may run in another event loop than before
        async with self._database.reading() as session:
            row = await session.get(FaultSetting, _ONLY_ROW)
        if row is None:
            self._current = NORMAL
            return
        try:
            stored = dict(row.document)
            self._current = make_fault(FaultMode(stored.pop("mode")), **stored)
        except (BadFault, KeyError, TypeError, ValueError):
            logger.warning("Ignoring the stored fault, which this version does not know")

    async def set(self, fault: Fault) -> None:
        """Set the fault, from the next request on."""
        self.worker_crash.disarm()
        async with self._lock:
            await self._store(fault)

    async def crash_worker_once(self) -> None:
        """Book the next purchase, then kill the shop's worker. Raise ``ImpossibleCrash``."""
        await self.set(NORMAL)
        self.worker_crash.arm()

    async def next_action(self) -> FaultAction | None:
        """Return the action for the current request; advance the sequence by one position.

        It advances before the request is verified, so the verdict makes no difference. A crash of
        the worker applies only to a request that is booked.
        """
        if self.worker_crash.is_armed:
            return _CRASH
        if not self._current.is_sequence:
            return self._current.action
        async with self._lock:
            fault = self._current  # may have changed while waiting
            await self._store(fault.after_one_request())
            return fault.action

    async def _store(self, fault: Fault) -> None:
        async with self._database.writing() as session:
            await session.merge(FaultSetting(id=_ONLY_ROW, document=fault.document()))
        self._current = fault
        self._feed.announce()
