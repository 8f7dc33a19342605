"""What an endpoint's answer means for the delivery. Pure: the README's table, as a function.

Called by ``webhooks.delivery`` after each attempt.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus

# An endpoint may ask for patience, but not park a delivery for weeks.
LONGEST_RETRY_AFTER_SECONDS = 3600
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_MAY_SAY_WHEN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Outcome(Enum):
    """What becomes of a delivery after an attempt."""

    SUCCEEDED = auto()
    RETRY = auto()
    GONE = auto()  # the endpoint wants nothing more: give up, and disable it


def judge(status: int | None) -> Outcome:
    """The outcome of an answer's status; ``None`` stands for no answer."""
    if status is None:
        return Outcome.RETRY
    if 200 <= status < 300:  # noqa: PLR2004 – RFC 9110, section 15.3: successful
        return Outcome.SUCCEEDED
    return Outcome.GONE if status == HTTPStatus.GONE else Outcome.RETRY


def retry_after_seconds(
    status: int | None, headers: Mapping[str, str] | None, *, now: datetime
) -> float:
    """How long the endpoint asks us to wait, at most an hour; 0 when it asks for nothing.

    ``headers``: names in lower case. RFC 9110, section 10.2.3: a number of seconds or a date; what
    is neither is ignored.
    """
    if status not in _MAY_SAY_WHEN or not headers:
        return 0
    asked = _seconds(headers.get("retry-after", "").strip(), now)
    return min(max(asked, 0), LONGEST_RETRY_AFTER_SECONDS)


def _seconds(text: str, now: datetime) -> float:
    if _SECONDS.fullmatch(text):
        return int(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year such as 99999999999
        return 0
    # A date without a zone is meant in UTC.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()
