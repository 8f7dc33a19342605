"""The background task of each web process that knows in which sandboxes time is being skipped.

Most advances end within a fraction of a second. Pages show one that takes longer, for example
because a receiver hangs.
"""

import asyncio
import logging

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from hookshop.webkit.times import utc_now
from shop.database.bound_sandbox import ALL, bound_to, require_number
from shop.database.models import SandboxClock
from shop.database.transactions import Database
from shop.redis.change_feed import Change, ChangeFeed
from shop.webhooks.clock import ClockReading, read_clock

IDLE_INTERVAL_SECONDS = 1.0
ADVANCING_INTERVAL_SECONDS = 0.3
MAX_SHOWN = 20  # sandboxes: each takes a few queries

logger = logging.getLogger(__name__)


class ClockWatch:
    """Reads the clocks of the sandboxes in which an advance takes long."""

    def __init__(self, database: Database, feed: ChangeFeed) -> None:
        self._database, self._feed = database, feed
        self._advancing: set[int] = set()  # numbers of sandboxes, at the last look
        self._readings: dict[int, ClockReading] = {}

    @property
    def reading(self) -> ClockReading | None:
        """The clock of the bound sandbox; None if no advance takes long there."""
        return self._readings.get(require_number())

    async def run(self) -> None:
        """Read clocks until the task is cancelled. Log a failed iteration and go on."""
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                logger.debug("Clocks: database unavailable: %s", error)
            except Exception:
                logger.exception("Reading the clocks failed, trying again")
            await asyncio.sleep(
                ADVANCING_INTERVAL_SECONDS if self._advancing else IDLE_INTERVAL_SECONDS
            )

    async def look(self) -> None:
        """Read the clocks, and wake the pages of this process for which one has changed."""
        before, readings = self._readings, {}
        with bound_to(ALL):
            advancing = await self._database.read(_find_advancing)
        # Only those that were advancing before: a notice for a moment would only move the page.
        for number in sorted(advancing & self._advancing)[:MAX_SHOWN]:
            with bound_to(number):
                async with self._database.reading() as session:
                    reading = await read_clock(session, now=utc_now())
            if reading.is_advancing:
                readings[number] = reading
        self._advancing, self._readings = advancing, readings
        for number in before.keys() | readings.keys():
            if before.get(number) != readings.get(number):
                self._feed.pass_on([Change("clock", sandbox=number)])


def _find_advancing(connection: Connection) -> set[int]:
    """Return the numbers of the sandboxes in which an advance is under way."""
    return set(connection.scalars(_ADVANCING))


# Built once, and not read with a session: each web process asks every second. The condition is that
# of the index "advancing_clocks".
_ADVANCING = select(col(SandboxClock.sandbox)).where(col(SandboxClock.is_advancing))
