"""The defences of a receiver. Each can be switched off to show what it is for. Pure.

Signature and token have a switch each, because a request may carry only one of them. With its
check off, a forged one is accepted, and the check of the other does not help.
"""

import json
from enum import StrEnum


class Defence(StrEnum):
    """The defences, named as in ``/v1/defences``."""

    TIMESTAMP = "timestamp"
    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105 – not a password
    RAW_BODY = "raw_body"
    DEDUPLICATION = "deduplication"


SwitchedOff = frozenset[Defence]
NONE_OFF: SwitchedOff = frozenset()
# A request must carry a credential for at least one of these checks.
CREDENTIAL_CHECKS = frozenset({Defence.SIGNATURE, Defence.TOKEN})


def verified_body(body: bytes, off: SwitchedOff) -> bytes:
    """Return the bytes to verify and parse: with ``RAW_BODY`` on, those that were received.

    With ``RAW_BODY`` off, the body is parsed and re-serialized as ``JSON.stringify`` does: without
    spaces, and 12.0 becomes 12. A body that is not JSON is returned unchanged.
    """
    if Defence.RAW_BODY not in off:
        return body
    try:
        document = json.loads(body.decode("utf-8"), parse_float=_number)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or a number too long to serialize
        return body
    return text.encode("utf-8", errors="surrogatepass")


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value
