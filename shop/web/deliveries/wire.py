"""Formats stored requests and responses for people.

Bodies and headers of responses are untrusted. The templates escape them. Here, bytes that are not
text and invisible characters are replaced by visible ones, so that nothing is hidden.
"""

import unicodedata
from functools import lru_cache
from http import HTTPStatus

from hookshop.webkit.json_lines import json_lines
from shop.database.models import Attempt

# Unicode categories: control, format (such as right-to-left marks), line and paragraph separator.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})

# Explanations of the named errors of an attempt. docs/contract.md lists the names.
ERROR_MEANINGS = {
    "dns_error": "The host name could not be resolved.",
    "connection_refused": "Nothing listens at this address and port.",
    "connection_reset": "The connection was closed before the response.",
    "connection_timeout": "No connection in time.",
    "response_timeout": "Connected, but no response in time.",
    "tls_error": "The certificate or the TLS handshake is invalid.",
    "protocol_error": "The response is not HTTP.",
    "blocked_address": "The host name resolves to an address that is not allowed.",
    "internal_error": "The shop itself failed, not the endpoint. See the worker's log.",
}


_STATUS_MEANINGS = (
    (range(200, 300), "Delivered."),
    (range(300, 400), "The shop does not follow redirects: the attempt failed."),
    (range(400, 500), "The receiver rejected the request."),
    (range(500, 600), "The receiver failed."),
)


def body_text(raw: bytes) -> str:
    """Return the body as text. Replace bytes that are not UTF-8, and invisible characters."""
    return visible_text(raw.decode("utf-8", errors="replace"))


def visible_text(text: str) -> str:
    """Return the text with visible characters in place of invisible ones."""
    if text.isprintable():  # stricter than needed, but a hundred times faster
        return text
    return "".join(map(_visible, text))


def pretty_json(raw: bytes) -> str | None:
    """Return the body with one member per line, or None if it is not JSON or nested too deeply."""
    lines = json_lines(raw)
    return None if lines is None else "\n".join(map(visible_text, lines))


def status_text(status: int) -> str:
    """Return a status with its phrase, such as ``404 Not Found``, or only an unknown number."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def outcome_text(attempt: Attempt) -> str:
    """Return the result of an attempt: the status of the response, or the name of the error."""
    if attempt.response_status is not None:
        return status_text(attempt.response_status)
    return attempt.error or ""


def status_meaning(status: int) -> str:
    """Return what the status of a response means for the delivery, or an empty string."""
    if status == HTTPStatus.GONE:
        return "The receiver wants no more webhooks: the shop disables the endpoint."
    for range_of_status, meaning in _STATUS_MEANINGS:
        if status in range_of_status:
            return meaning
    return ""


@lru_cache(maxsize=1024)
def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE:
        return character
    if character < " ":
        return chr(0x2400 + ord(character))  # the Unicode block "Control Pictures"
    return f"⟨U+{ord(character):04X}⟩"
