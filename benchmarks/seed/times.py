"""Moments and ids as the databases have them."""

import random
from datetime import UTC, datetime

_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62


def written(moment: datetime) -> str:
    """As SQLAlchemy writes a moment into SQLite: UTC, without saying so."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def digits(moment: datetime, chance: random.Random) -> str:
    """A UUID version 7 in hex, as all ids end; from ``chance``, so that a seed repeats itself."""
    time = int(moment.timestamp() * 1000) << 80
    high, low = chance.getrandbits(12) << 64, chance.getrandbits(62)
    return f"{time | _VERSION_7 | high | _VARIANT | low:032x}"


def next_moment(
    after: datetime, *, until: datetime, left: float, chance: random.Random
) -> datetime:
    """By chance, such that ``left`` more moments end about ``until`` then, and none later."""
    gap = (until - after) / max(left, 1)
    return min(until, after + gap * 2 * chance.random())
