"""Divides the last hour and the last day into time buckets, for charts and sums. Pure.

A minute is a number: minutes since 1970, UTC. Buckets start at round times, so that only the newest
bucket changes as time passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def minute_of(moment: datetime) -> int:
    """Return the minute that contains a time."""
    return int(moment.timestamp() // 60)


def moment_of(minute: int) -> datetime:
    """Return the start of a minute."""
    return datetime.fromtimestamp(minute * 60, UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A time range of buckets of equal length. The last bucket contains the current time.

    ``label``: such as "last hour". ``first_minute``: where it starts. ``bucket_minutes``: length of
    a bucket.
    """

    label: str
    first_minute: int
    bucket_count: int
    bucket_minutes: int

    @classmethod
    def last_hour(cls, now: datetime, *, bucket_minutes: int = 1) -> "Window":
        """Return the last hour, as 60 buckets of a minute or fewer, longer ones."""
        return cls._until(now, "last hour", 60, bucket_minutes)

    @classmethod
    def last_day(cls, now: datetime) -> "Window":
        """Return the last day, as 24 buckets of an hour."""
        return cls._until(now, "last day", 24 * 60, 60)

    @classmethod
    def _until(cls, now: datetime, label: str, minutes: int, bucket_minutes: int) -> "Window":
        end = (minute_of(now) // bucket_minutes + 1) * bucket_minutes
        return cls(label, end - minutes, minutes // bucket_minutes, bucket_minutes)

    @property
    def starts_at(self) -> datetime:
        """The start of the window."""
        return moment_of(self.first_minute)

    @property
    def bucket_starts(self) -> Iterator[int]:
        """The first minute of each bucket, oldest first."""
        return iter(range(self.first_minute, self._end, self.bucket_minutes))

    def bucket_of(self, minute: int) -> int | None:
        """Return the first minute of the bucket that contains a minute; None before the window.

        A minute in the future, from another machine's clock, counts as now.
        """
        if minute < self.first_minute:
            return None
        last = self._end - self.bucket_minutes
        return min(minute // self.bucket_minutes * self.bucket_minutes, last)

    def bucket_label(self, bucket: int) -> str:
        """Return the time of a bucket in UTC: ``10:14``, or ``10:00–11:00`` for a longer one."""
        start = moment_of(bucket)
        if self.bucket_minutes == 1:
            return f"{start:%H:%M}"
        return f"{start:%H:%M}–{start + timedelta(minutes=self.bucket_minutes):%H:%M}"

    @property
    def _end(self) -> int:
        return self.first_minute + self.bucket_count * self.bucket_minutes
