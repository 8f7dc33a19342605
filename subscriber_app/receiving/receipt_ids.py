"""Creates receipt ids, which sort by time and, within a millisecond, by arrival."""

import secrets
from datetime import datetime
from uuid import UUID

_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62
_COUNTER_BITS = 74  # what version and variant leave of the 80 bits after the time
_LOW_BITS = 62


class ReceiptIds:
    """Creates the ids of one process, each greater than the one before.

    They are UUIDs of version 7 whose random part counts up within a millisecond, and while the
    clock is behind (RFC 9562, section 6.2, method 2). So "newest first" is exact at any rate.
    """

    def __init__(self) -> None:
        self._last = 0  # time and counter as one number

    def next(self, now: datetime) -> str:
        """Return ``rcp_`` and 32 hex digits."""
        milliseconds = int(now.timestamp() * 1000)
        # The highest random bit stays 0, so that counting up cannot overflow into the time.
        fresh = (milliseconds << _COUNTER_BITS) | secrets.randbits(_COUNTER_BITS - 1)
        self._last = fresh if milliseconds > self._last >> _COUNTER_BITS else self._last + 1
        return f"rcp_{_uuid(self._last).hex}"


def first_id(moment: datetime) -> str:
    """Return a lower bound for the ids of all receipts since ``moment``, in whole milliseconds."""
    return f"rcp_{max(0, int(moment.timestamp() * 1000)):012x}"


def _uuid(number: int) -> UUID:
    time, counter = number >> _COUNTER_BITS, number & ((1 << _COUNTER_BITS) - 1)
    high, low = counter >> _LOW_BITS, counter & ((1 << _LOW_BITS) - 1)
    return UUID(int=(time << 80) | _VERSION_7 | (high << 64) | _VARIANT | low)
