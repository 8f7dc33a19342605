"""Reads moments from addresses and forms, and writes them there: UTC, to the second.

What browsers send for ``<input type="datetime-local">`` has no zone. The pages say that it is UTC;
where scripts run, ``static/js/local_time.js`` has the reader type local time and sends UTC.
"""

import re
from datetime import UTC, datetime

from shop.web.errors import Problem

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?", re.ASCII)
EXAMPLE = "2026-11-23T12:00"


def read_moment(text: str) -> datetime | None:
    """For example ``2026-11-23T12:00``; None for what is no moment."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:  # such as the 30th of February
        return None


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC. Raise ``Problem`` (400) if it has no zone or no place in UTC."""
    if moment.tzinfo is None:
        raise Problem(400, f"the time needs a zone, as in {EXAMPLE}:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # such as the first hours of the year 1, east of Greenwich
        raise Problem(400, f"the time {moment.isoformat()} is out of range") from None


def write_moment(moment: datetime) -> str:
    """As a field for a moment holds it: ``2026-11-23T12:00:00``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
