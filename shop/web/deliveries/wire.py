"""Makes stored requests and answers readable. Called by the page of a delivery.

Bodies and headers of answers were written by strangers. The templates escape them; here, bytes that
are not text and characters that one cannot see are made visible, so that nothing hides in them.
"""

import json
import re
import unicodedata
from functools import lru_cache
from http import HTTPStatus

from shop.database.models import Attempt

DEEPEST_NESTING = 20  # beyond it, indented lines are mostly blank

# A string, a sign, or a number or word: the parts between which JSON allows white space.
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_OPENING = frozenset("{[")
_CLOSING = frozenset("}]")
# Unicode's categories: control, format (such as "write from right to left"), line and paragraph.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})

# Named errors of an attempt, for people; the names are those of the README's table.
ERROR_MEANINGS = {
    "dns_error": "The host's name could not be resolved to an address.",
    "connection_refused": "Nothing listens at that address and port.",
    "connection_reset": "The connection was closed before an answer came.",
    "connection_timeout": "No connection came about in time.",
    "response_timeout": "The connection stood, but the answer did not come in time.",
    "tls_error": "No secure connection: the certificate or the handshake is wrong.",
    "protocol_error": "What came back is not HTTP.",
    "blocked_address": "The name leads to an address that webhooks must not be sent to.",
    "internal_error": "The shop itself failed; its log says how. The endpoint is not to blame.",
}


_STATUS_MEANINGS = (
    (range(200, 300), "The endpoint has it: the delivery has succeeded."),
    (range(300, 400), "Redirects are not followed, so this counts as a failure."),
    (range(400, 500), "The endpoint refused it."),
    (range(500, 600), "The endpoint itself failed."),
)


def body_text(raw: bytes) -> str:
    """The body as text; what is not UTF-8 or cannot be seen is replaced by a visible sign."""
    return visible_text(raw.decode("utf-8", errors="replace"))


def visible_text(text: str) -> str:
    """The text, with characters that cannot be seen replaced by visible signs."""
    if text.isprintable():  # which is stricter than we are, and a hundred times as fast
        return text
    return "".join(map(_visible, text))


def pretty_json(raw: bytes) -> str | None:
    """The body with one member per line, or None when it is not JSON, or very deep.

    Only white space between its parts is changed: what was sent as ``50.750`` reads ``50.750``.
    """
    try:
        text = raw.decode("utf-8")
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _one_member_per_line(_JSON_PART.findall(text))


def status_text(status: int) -> str:
    """For example ``404 Not Found``; only the number when nobody has defined it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def outcome_text(attempt: Attempt) -> str:
    """What came of an attempt: the status of the answer, or the name of the error."""
    if attempt.response_status is not None:
        return status_text(attempt.response_status)
    return attempt.error or ""


def status_meaning(status: int) -> str:
    """What an answer's status means for the delivery: the README's table, for people."""
    if status == HTTPStatus.GONE:
        return "The endpoint wants nothing more: the shop gives up and disables it."
    for range_of_status, meaning in _STATUS_MEANINGS:
        if status in range_of_status:
            return meaning
    return ""


def _one_member_per_line(parts: list[str]) -> str | None:
    lines, depth, previous = [""], 0, ""
    for part in parts:
        if part in _CLOSING:
            depth -= 1
        # After a comma, and inside the brackets of what is not empty.
        if previous == "," or (previous in _OPENING) != (part in _CLOSING):
            lines.append("  " * depth)
        lines[-1] += ": " if part == ":" else visible_text(part)
        if part in _OPENING:
            depth += 1
        if depth > DEEPEST_NESTING:
            return None
        previous = part
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE:
        return character
    if character < " ":
        return chr(0x2400 + ord(character))  # the block "Control Pictures"
    return f"⟨U+{ord(character):04X}⟩"
