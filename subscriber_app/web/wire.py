"""Makes the bytes of a request readable, including invisible characters."""

import json
import re
import unicodedata
from functools import lru_cache

BYTES_PER_LINE = 16
MAX_DEPTH = 20  # beyond it, indented lines are mostly blank

# A token of JSON: a string, a bracket, a comma or colon, or a run of other characters.
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
# Controls, format characters such as those for writing direction, separators, spaces.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}


def body_text(raw: bytes) -> str | None:
    """Return the body as text with visible characters only; None if it is not UTF-8."""
    try:
        return visible_text(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def visible_text(text: str) -> str:
    """Return the text with invisible characters replaced by visible ones."""
    if text.isprintable():  # stricter than `_visible`, and a hundred times faster
        return text
    return "".join(map(_visible, text))


def hex_dump(raw: bytes) -> str:
    """Return a hex dump, 16 bytes per line: offset, hex, and printable ASCII characters."""
    lines = []
    for offset in range(0, len(raw), BYTES_PER_LINE):
        part = raw[offset : offset + BYTES_PER_LINE]
        shown = "".join(chr(byte) if " " <= chr(byte) <= "~" else "." for byte in part)
        lines.append(f"{offset:06x}  {part.hex(' '):<{3 * BYTES_PER_LINE}} {shown}")
    return "\n".join(lines)


def pretty_json(raw: bytes) -> str | None:
    """Return the body with one member per line; None if it is not JSON, or nested too deeply.

    Only the white space between tokens changes: ``50.750`` stays ``50.750``.
    """
    try:
        text = raw.decode("utf-8")
        json.loads(text, parse_int=str, parse_float=str)  # accept numbers of any length
    except (ValueError, RecursionError):
        return None
    return _indented([visible_text(part) for part in _JSON_PART.findall(text)])


def _indented(parts: list[str]) -> str | None:
    pieces: list[str] = []
    depth = 0
    for before, part in zip(["", *parts], parts, strict=False):
        depth -= part in ("]", "}")
        is_empty_pair = before + part in ("[]", "{}")
        if before in ("[", "{", ",") or (part in ("]", "}") and before):
            pieces.append("" if is_empty_pair else "\n" + "  " * depth)
        pieces.append(": " if part == ":" else part)
        depth += part in ("[", "{")
        if depth > MAX_DEPTH:
            return None
    return "".join(pieces)


@lru_cache(maxsize=1024)
def _visible(character: str) -> str:
    if character == "\n":
        return "␊\n"  # show it: an additional line feed breaks the signature
    if character == " " or unicodedata.category(character) not in _INVISIBLE:
        return character
    return f"⟨U+{ord(character):04X}⟩"
