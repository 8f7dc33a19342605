"""Reads times from URLs, forms and JSON, and writes the values of input fields: UTC, in seconds.

Browsers send ``<input type="datetime-local">`` without a time zone. The pages say that it is UTC.
With scripts, ``static/js/local_time.js`` lets the reader type local time and sends UTC.
"""

import re
from datetime import UTC, datetime

from hookshop.webkit.errors import Problem

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?", re.ASCII)
EXAMPLE = "2026-11-23T12:00"
MIN_YEAR = 1970  # ids count from 1970; browsers and strftime write years below 1000 differently
MAX_YEAR = 9998  # not 9999: adding a second or a zone's offset must not overflow


def read_moment(text: str) -> datetime | None:
    """Return the time that a text such as ``2026-11-23T12:00`` means.

    Return None if the text is not a time or the time is before ``MIN_YEAR``.
    """
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:  # for example February 30
        return None
    return moment if moment.year >= MIN_YEAR else None


def in_utc(moment: datetime) -> datetime:
    """Return the time in UTC. Raise ``Problem`` (400) if it has no time zone or is out of range."""
    if moment.tzinfo is None:
        raise Problem(400, f"the time needs a zone, as in {EXAMPLE}:00Z")
    try:
        found = moment.astimezone(UTC)
    except OverflowError:  # for example the first hours of the year 1 at +01:00
        found = None
    if found is None or found.year > MAX_YEAR:
        raise Problem(400, f"the time {moment.isoformat()} is out of range")
    return found


def write_moment(moment: datetime) -> str:
    """Return the value of an input field, such as ``2026-11-23T12:00:00``."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
