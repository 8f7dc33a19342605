"""Ids: a prefix that names the kind, then a UUID version 7 in hex, which sorts by time.

Used wherever a row is created.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_uuid(now: datetime) -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7) for the moment ``now``."""
    microseconds = (now - _EPOCH) // timedelta(microseconds=1)
    return uuid7(nanoseconds=microseconds * 1000)


def new_id(prefix: str, now: datetime) -> str:
    """For example ``new_id("ep", now)`` → ``"ep_0193…"``: no dot inside, safe in URLs."""
    return f"{prefix}_{new_uuid(now).hex}"


def first_id(prefix: str, moment: datetime) -> str:
    """What all ids made at ``moment`` or later are not less than; times count in milliseconds."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    return f"{prefix}_{milliseconds:012x}"
