"""Makes the bytes of a request readable, and nothing in them invisible. Called by ``dashboard``."""

import json
import re
import unicodedata
from functools import lru_cache

BYTES_A_LINE = 16
DEEPEST_NESTING = 20  # beyond it, indented lines are mostly blank

# What JSON is made of: texts, brackets, signs, and whatever else has no blank in it.
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
# Controls, format signs such as those that turn the direction of writing, separators, spaces.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}


def body_text(raw: bytes) -> str | None:
    """The body as text in which every character can be seen; None when it is not UTF-8."""
    try:
        return visible_text(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def visible_text(text: str) -> str:
    """The text, with characters that cannot be seen replaced by visible signs."""
    if text.isprintable():  # which is stricter than we are, and a hundred times as fast
        return text
    return "".join(map(_visible, text))


def hex_dump(raw: bytes) -> str:
    """Sixteen bytes a line: offset, hex, and the characters that are printable ASCII."""
    lines = []
    for offset in range(0, len(raw), BYTES_A_LINE):
        part = raw[offset : offset + BYTES_A_LINE]
        shown = "".join(chr(byte) if " " <= chr(byte) <= "~" else "." for byte in part)
        lines.append(f"{offset:06x}  {part.hex(' '):<{3 * BYTES_A_LINE}} {shown}")
    return "\n".join(lines)


def pretty_json(raw: bytes) -> str | None:
    """The body with one member a line; None when it is not JSON, or very deep.

    Only the white space between its parts changes: ``50.750`` stays ``50.750``.
    """
    try:
        text = raw.decode("utf-8")
        json.loads(text, parse_int=str, parse_float=str)  # numbers of any length are fine
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
        if depth > DEEPEST_NESTING:
            return None
    return "".join(pieces)


@lru_cache(maxsize=1024)
def _visible(character: str) -> str:
    if character == "\n":
        return "␊\n"  # a line feed at the end is one byte more, and breaks a signature
    if character == " " or unicodedata.category(character) not in _INVISIBLE:
        return character
    return f"⟨U+{ord(character):04X}⟩"
