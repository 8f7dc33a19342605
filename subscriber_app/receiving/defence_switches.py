"""Which defences are switched off, to show the damage that they prevent.

Stored in the database, so that a restart does not switch a defense on again.
"""

from collections.abc import Iterable

from sqlmodel import delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import SwitchedOffDefence
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.defences import NONE_OFF, Defence, SwitchedOff


class DefenceSwitches:
    """The defences that are switched off."""

    def __init__(self, database: Database, feed: LocalChangeFeed) -> None:
        self._database = database
        self._feed = feed
        self._off = NONE_OFF

    @property
    def off(self) -> SwitchedOff:
        """Return the defences that are off now."""
        return self._off

    async def load(self) -> None:
        """Load the stored switches."""
        async with self._database.reading() as session:
            rows = (await session.exec(select(SwitchedOffDefence))).all()
        self._off = frozenset(Defence(row.name) for row in rows)

    async def set(self, off: Iterable[Defence]) -> None:
        """Switch off exactly these defences, from the next request on."""
        wanted = frozenset(off)
        async with self._database.writing() as session:
            await session.exec(delete(SwitchedOffDefence))
            session.add_all(SwitchedOffDefence(name=each.value) for each in sorted(wanted))
        self._off = wanted
        self._feed.announce()
