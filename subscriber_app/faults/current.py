"""The one fault that is set. Kept in the database: what is broken stays broken after a restart.

Set by the dashboard and by ``PUT /v1/faults``; ``inbox`` takes the mishap of each request.
"""

import asyncio
import logging

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import FaultSetting
from subscriber_app.database.transactions import Database
from subscriber_app.faults.actions import BadFault, FaultAction
from subscriber_app.faults.settings import NORMAL, Fault, FaultMode, make_fault

_ONLY_ROW = 1

logger = logging.getLogger(__name__)


class Faults:
    """The current fault of this subscriber, and how far its sequence has come."""

    def __init__(self, database: Database, feed: LocalChangeFeed) -> None:
        self._database = database
        self._feed = feed
        self._current = NORMAL
        self._turn = asyncio.Lock()  # so that no two requests use the same place of a sequence

    @property
    def current(self) -> Fault:
        """What goes wrong now; read for each page's header."""
        return self._current

    async def load(self) -> None:
        """Take up the fault that was set before a restart."""
        async with self._database.reading() as session:
            row = await session.get(FaultSetting, _ONLY_ROW)
        if row is None:
            return
        try:
            stored = dict(row.document)
            self._current = make_fault(FaultMode(stored.pop("mode")), **stored)
        except (BadFault, KeyError, TypeError, ValueError):
            logger.warning("The stored fault is not one of this version: back to normal")

    async def set(self, fault: Fault) -> None:
        """Do this from the next request on."""
        async with self._turn:
            await self._keep(fault)

    async def take(self) -> FaultAction | None:
        """What goes wrong with the request that asks; uses up one place of a sequence.

        The place is used up before the request is looked at, whatever becomes of it then.
        """
        if not self._current.moves:
            return self._current.mishap
        async with self._turn:
            taken = self._current  # may have changed while waiting
            await self._keep(taken.after_one_request())
            return taken.mishap

    async def _keep(self, fault: Fault) -> None:
        async with self._database.writing() as session:
            await session.merge(FaultSetting(id=_ONLY_ROW, document=fault.document()))
        self._current = fault
        self._feed.announce()
