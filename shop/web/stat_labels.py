"""Formats statistics for people: rates, durations, ages, counts, reasons of failures. Pure."""

import math
from datetime import timedelta
from http import HTTPStatus

NOTHING = "–"
GOOD_RATE, BAD_RATE = 0.99, 0.9
MS_PER_SECOND = 1000

_ERRORS = {
    "dns_error": "the host name could not be resolved",
    "connection_refused": "nothing listens at this address and port",
    "connection_reset": "the connection was closed before the response",
    "connection_timeout": "no connection in time",
    "response_timeout": "connected, but no response in time",
    "tls_error": "the certificate or the TLS handshake is invalid",
    "protocol_error": "the response is not HTTP",
    "blocked_address": "the host name resolves to an address that is not allowed",
    "internal_error": "the shop itself failed; see the worker's log",
}


def percent(share: float | None) -> str:
    """Return a share such as ``97.3 %``. Only 1 gives ``100 %``, and only 0 gives ``0 %``."""
    if share is None:
        return NOTHING
    thousandths = math.floor(share * 1000)
    if share > 0:
        thousandths = max(thousandths, 1)
    return f"{thousandths / 10:g} %"


def tone_of_rate(share: float | None) -> str:
    """Return ``good`` from 99 %, ``bad`` below 90 %, ``waiting`` between; empty for None."""
    if share is None:
        return ""
    if share >= GOOD_RATE:
        return "good"
    return "waiting" if share >= BAD_RATE else "bad"


def milliseconds(value: float | None) -> str:
    """Return a duration such as ``32 ms`` or ``1.2 s``."""
    if value is None:
        return NOTHING
    if value < MS_PER_SECOND:
        return f"{value:.0f} ms"
    return f"{value / MS_PER_SECOND:.1f} s"


def age(passed: timedelta) -> str:
    """Return an age such as ``12 s``, ``3 min``, ``5 h`` or ``2 d``: one unit, rounded down."""
    seconds = max(int(passed.total_seconds()), 0)
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def meaning(reason: str) -> str:
    """Return what a status or the name of an error means, or an empty string."""
    if reason in _ERRORS:
        return _ERRORS[reason]
    try:
        return HTTPStatus(int(reason)).phrase
    except ValueError:  # an unregistered status
        return ""


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as ``1 order`` or ``1,200 orders``."""
    return f"{number:,} {one if number == 1 else many}"
