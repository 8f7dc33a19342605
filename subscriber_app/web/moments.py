"""Reads moments from addresses, and writes them there: UTC, to the second.

What browsers send for ``<input type="datetime-local">`` has no zone. The pages say that it is UTC;
where scripts run, ``static/js/local_time.js`` has the reader type local time and sends UTC.
"""

import re
from datetime import UTC, datetime

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
