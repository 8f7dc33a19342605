"""Reads times from addresses, forms and JSON, and writes them there: UTC, to the second.

Browsers send ``<input type="datetime-local">`` without a zone. The pages say that it is UTC; where
scripts run, ``static/js/local_time.js`` lets the reader type local time and sends UTC.
"""

import re
from datetime import UTC, datetime

from hookshop.webkit.errors import Problem

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?", re.ASCII)
EXAMPLE = "2026-11-23T12:00"


def read_moment(text: str) -> datetime | None:
    """Return the time of a text such as ``2026-11-23T12:00``, or None if it is no time."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:  # such as the 30th of February
        return None


def in_utc(moment: datetime) -> datetime:
    """Return the time in UTC. Raise ``Problem`` (400) if it has no zone or is out of range."""
    if moment.tzinfo is None:
        raise Problem(400, f"the time needs a zone, as in {EXAMPLE}:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # such as the first hours of the year 1, east of Greenwich
        raise Problem(400, f"the time {moment.isoformat()} is out of range") from None


def write_moment(moment: datetime) -> str:
    """Return the value of an input field, such as ``2026-11-23T12:00:00``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
