"""Makes the bytes of a request readable, including invisible characters."""

import unicodedata
from functools import lru_cache

from hookshop.webkit.json_lines import json_lines

BYTES_PER_LINE = 16
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
    """Return the body with one member per line, or None if it is not JSON or nested too deeply."""
    lines = json_lines(raw)
    return None if lines is None else "\n".join(map(visible_text, lines))


@lru_cache(maxsize=1024)
def _visible(character: str) -> str:
    if character == "\n":
        return "␊\n"  # show it: an additional line feed breaks the signature
    if character == " " or unicodedata.category(character) not in _INVISIBLE:
        return character
    return f"⟨U+{ord(character):04X}⟩"
