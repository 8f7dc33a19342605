"""Times and ids in the format of the databases."""

import random
from datetime import UTC, datetime

_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62


def sqlite_time(moment: datetime) -> str:
    """Return a time as SQLAlchemy stores it in SQLite: UTC, without a time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def uuid7_hex(moment: datetime, rng: random.Random) -> str:
    """Return a UUID of version 7 in hex, for an id. ``rng`` makes it reproducible."""
    time = int(moment.timestamp() * 1000) << 80
    high, low = rng.getrandbits(12) << 64, rng.getrandbits(62)
    return f"{time | _VERSION_7 | high | _VARIANT | low:032x}"


def next_moment(after: datetime, *, until: datetime, left: float, rng: random.Random) -> datetime:
    """Return a random later time, such that ``left`` of them end at about ``until``."""
    gap = (until - after) / max(left, 1)
    return min(until, after + gap * 2 * rng.random())
