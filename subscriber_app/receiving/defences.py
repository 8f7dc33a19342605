"""The defences of a receiver, each of which can be switched off to see what it is there for. Pure.

``verification`` and ``rulings`` ask which are off; ``defence_switches`` keeps that. Signature and
token have a switch each: a request may carry one of them alone, and with its check off that one is
taken at its word, so that the other check, which is still on, does not help.
"""

import json
from enum import StrEnum


class Defence(StrEnum):
    """Named as in ``/v1/defences``."""

    TIMESTAMP = "timestamp"
    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105 – not a password
    RAW_BODY = "raw_body"
    DEDUPLICATION = "deduplication"


SwitchedOff = frozenset[Defence]
NONE_OFF: SwitchedOff = frozenset()
# The checks of which at least one must have something to check.
CREDENTIAL_CHECKS = frozenset({Defence.SIGNATURE, Defence.TOKEN})


def judged_body(body: bytes, off: SwitchedOff) -> bytes:
    """The bytes that are verified, read and compared: those that came, unless that is switched off.

    Without ``RAW_BODY`` they are what a web framework hands out: JSON, parsed and written again as
    ``JSON.stringify`` does, without spaces and with 12.0 as 12. What is not JSON stays as it is.
    """
    if Defence.RAW_BODY not in off:
        return body
    try:
        document = json.loads(body.decode("utf-8"), parse_float=_number)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or a number too long to be written
        return body
    return text.encode("utf-8", errors="surrogatepass")


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value
