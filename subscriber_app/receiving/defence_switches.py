"""Which defences are switched off, so that a class sees the damage.

Set by the page of the defences and by ``PUT /v1/defences``; ``inbox`` asks for each request. Kept
in the database: a receiver without a defence is still without it after a restart.
"""

from collections.abc import Iterable

from sqlmodel import delete, select

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.database.models import SwitchedOffDefence
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.defences import NONE_OFF, Defence, SwitchedOff


class DefenceSwitches:
    """The switches of this subscriber."""

    def __init__(self, database: Database, feed: LocalChangeFeed) -> None:
        self._database = database
        self._feed = feed
        self._off = NONE_OFF

    @property
    def off(self) -> SwitchedOff:
        """What is off now; read by each request and by each page's header."""
        return self._off

    async def load(self) -> None:
        """Take up what was switched off before a restart."""
        async with self._database.reading() as session:
            rows = (await session.exec(select(SwitchedOffDefence))).all()
        self._off = frozenset(Defence(row.name) for row in rows)

    async def set(self, off: Iterable[Defence]) -> None:
        """Do without exactly these from the next request on."""
        wanted = frozenset(off)
        async with self._database.writing() as session:
            await session.exec(delete(SwitchedOffDefence))
            session.add_all(SwitchedOffDefence(name=each.value) for each in sorted(wanted))
        self._off = wanted
        self._feed.announce()
