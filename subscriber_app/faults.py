"""What the subscriber does wrong on purpose, so that retries can be watched.

Set by the dashboard and by ``PUT /v1/faults``; ``inbox`` asks for the current fault before it looks
at a request. Kept in the database, since a receiver that is broken stays broken after a restart.
"""

from dataclasses import dataclass
from enum import StrEnum

from subscriber_app.checklist import VerificationError
from subscriber_app.database import Database
from subscriber_app.models import FaultSetting
from subscriber_app.news import NewsFeed
from subscriber_app.vocabulary import Reason

LOWEST_STATUS, HIGHEST_STATUS = 400, 599
_ONLY_ROW = 1


class FaultMode(StrEnum):
    """The kinds of faults."""

    NONE = "none"
    STATUS = "status"  # answer every request with a fixed status, looking at nothing


@dataclass(frozen=True, slots=True)
class Fault:
    """``status``: 400 to 599 in mode ``status``, else None."""

    mode: FaultMode = FaultMode.NONE
    status: int | None = None

    @property
    def refusal(self) -> VerificationError | None:
        """With what every request is refused, unread; None when the fault is another or none."""
        if self.mode is not FaultMode.STATUS:
            return None
        return VerificationError(
            Reason.SIMULATED_FAULT,
            f"Set to answer {self.status} on purpose; nothing was looked at",
            status=self.status,
        )


class Faults:
    """The one current fault of this subscriber."""

    def __init__(self, database: Database, feed: NewsFeed) -> None:
        self._database = database
        self._feed = feed
        self._current = Fault()

    @property
    def current(self) -> Fault:
        """What goes wrong now; read by each request and by each page's header."""
        return self._current

    async def load(self) -> None:
        """Take up the fault that was set before a restart."""
        async with self._database.reading() as session:
            row = await session.get(FaultSetting, _ONLY_ROW)
        if row:
            self._current = Fault(FaultMode(row.mode), row.status)

    async def set(self, fault: Fault) -> None:
        """Do this from the next request on."""
        async with self._database.writing() as session:
            await session.merge(
                FaultSetting(id=_ONLY_ROW, mode=fault.mode.value, status=fault.status)
            )
        self._current = fault
        self._feed.announce()
