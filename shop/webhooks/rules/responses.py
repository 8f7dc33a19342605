"""The meaning of an endpoint's response for the delivery, as in the table of docs/contract.md."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus

# Limit Retry-After, so that an endpoint cannot postpone deliveries for weeks.
MAX_RETRY_AFTER_SECONDS = 3600
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_RETRY_AFTER_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Outcome(Enum):
    """The result of an attempt for its delivery."""

    SUCCEEDED = auto()
    RETRY = auto()
    GONE = auto()  # 410: fail the delivery and disable the endpoint


def outcome_of(status: int | None) -> Outcome:
    """Return the outcome for the status of a response, or for None if there was no response."""
    if status is None:
        return Outcome.RETRY
    if 200 <= status < 300:  # noqa: PLR2004 – RFC 9110, section 15.3: successful
        return Outcome.SUCCEEDED
    return Outcome.GONE if status == HTTPStatus.GONE else Outcome.RETRY


def retry_after_seconds(
    status: int | None, headers: Mapping[str, str] | None, *, now: datetime
) -> float:
    """Return the seconds that the endpoint asks to wait: 0 if it does not, at most an hour.

    ``headers``: names in lower case. The value is a number of seconds or a date (RFC 9110, section
    10.2.3); anything else is ignored.
    """
    if status not in _RETRY_AFTER_STATUSES or not headers:
        return 0
    asked = _seconds(headers.get("retry-after", "").strip(), now)
    return min(max(asked, 0), MAX_RETRY_AFTER_SECONDS)


def _seconds(text: str, now: datetime) -> float:
    if _SECONDS.fullmatch(text):
        return int(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a year such as 99999999999
        return 0
    # A date without a time zone is in UTC.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()
