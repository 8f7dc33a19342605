"""The last hour and the last day, cut into slots for charts and sums. Pure: no clock, no database.

A minute is a number: the minutes since 1970, UTC. Slots begin at round times, so that a slot stays
the same slot while time goes on and only the newest one grows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def minute_of(moment: datetime) -> int:
    """The minute that a moment lies in."""
    return int(moment.timestamp() // 60)


def moment_of(minute: int) -> datetime:
    """When a minute begins."""
    return datetime.fromtimestamp(minute * 60, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Slots of equal length; the last one holds the moment that the window was made for.

    ``words``: what people call it, such as "last hour". ``slot_minutes``: the length of a slot.
    """

    words: str
    first_minute: int
    slots: int
    slot_minutes: int

    @classmethod
    def last_hour(cls, now: datetime, *, slot_minutes: int = 1) -> "Window":
        """60 slots of a minute, or fewer that are longer."""
        return cls._until(now, "last hour", 60, slot_minutes)

    @classmethod
    def last_day(cls, now: datetime) -> "Window":
        """24 slots of an hour."""
        return cls._until(now, "last day", 24 * 60, 60)

    @classmethod
    def _until(cls, now: datetime, words: str, minutes: int, slot_minutes: int) -> "Window":
        last = minute_of(now) // slot_minutes * slot_minutes
        return cls(words, last + slot_minutes - minutes, minutes // slot_minutes, slot_minutes)

    @property
    def begins_at(self) -> datetime:
        """The moment from which on things belong to the window."""
        return moment_of(self.first_minute)

    @property
    def slot_beginnings(self) -> Iterator[int]:
        """The first minute of each slot, the oldest first."""
        return iter(range(self.first_minute, self._end, self.slot_minutes))

    def slot_of(self, minute: int) -> int | None:
        """The first minute of the slot that a minute lies in; None outside of the window.

        What lies in the future, by another machine's clock, counts as now.
        """
        if minute < self.first_minute:
            return None
        last = self._end - self.slot_minutes
        return min(minute // self.slot_minutes * self.slot_minutes, last)

    def name_of(self, slot: int) -> str:
        """``10:14``, or ``10:00–11:00`` for a longer slot; in UTC."""
        begin = moment_of(slot)
        if self.slot_minutes == 1:
            return f"{begin:%H:%M}"
        return f"{begin:%H:%M}–{begin + timedelta(minutes=self.slot_minutes):%H:%M}"

    @property
    def _end(self) -> int:
        return self.first_minute + self.slots * self.slot_minutes
