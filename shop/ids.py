"""Ids: a prefix for the kind, then a UUID version 7 in hex, which sorts by time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_uuid(now: datetime) -> UUID:
    """Return a UUID version 7 (RFC 9562, section 5.7) for the time ``now``."""
    microseconds = (now - _EPOCH) // timedelta(microseconds=1)
    return uuid7(nanoseconds=microseconds * 1000)


def new_id(prefix: str, now: datetime) -> str:
    """Return an id such as ``ep_0193…`` for the prefix ``ep``: safe in URLs, and without a dot."""
    return f"{prefix}_{new_uuid(now).hex}"


def first_id(prefix: str, moment: datetime) -> str:
    """Return a lower bound for all ids made at ``moment`` or later, to the millisecond."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    return f"{prefix}_{milliseconds:012x}"
