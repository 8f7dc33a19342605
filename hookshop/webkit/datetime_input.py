"""Reads times from addresses, forms and JSON, and writes them there: UTC, to the second.

Browsers send ``<input type="datetime-local">`` without a zone. The pages say that it is UTC; where
scripts run, ``static/js/local_time.js`` lets the reader type local time and sends UTC.
"""

import re
from datetime import UTC, datetime

from hookshop.webkit.errors import Problem

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?", re.ASCII)
EXAMPLE = "2026-11-23T12:00"
MIN_YEAR = 1970  # ids count from there, and of years below 1000 browsers and strftime disagree
MAX_YEAR = 9998  # to filter by: a second or a zone's hours may be added to such a moment


def read_moment(text: str) -> datetime | None:
    """Return the time of a text such as ``2026-11-23T12:00``.

    None if it is no time, or one before ``MIN_YEAR``.
    """
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:  # such as the 30th of February
        return None
    return moment if moment.year >= MIN_YEAR else None


def in_utc(moment: datetime) -> datetime:
    """Return the time in UTC. Raise ``Problem`` (400) if it has no zone or is out of range."""
    if moment.tzinfo is None:
        raise Problem(400, f"the time needs a zone, as in {EXAMPLE}:00Z")
    try:
        found = moment.astimezone(UTC)
    except OverflowError:  # such as the first hours of the year 1, east of Greenwich
        found = None
    if found is None or found.year > MAX_YEAR:
        raise Problem(400, f"the time {moment.isoformat()} is out of range")
    return found


def write_moment(moment: datetime) -> str:
    """Return the value of an input field, such as ``2026-11-23T12:00:00``."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
