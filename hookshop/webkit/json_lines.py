"""Formats JSON for people: one member per line, with every token as it was sent."""

import json
import re

MAX_DEPTH = 20  # beyond it, indented lines are mostly blank

# A token of JSON: a string, a punctuation character, or a number or literal.
_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_OPENING = frozenset("{[")
_CLOSING = frozenset("}]")


def json_lines(raw: bytes) -> list[str] | None:
    """Return an indented JSON document as lines, or None if it is not JSON or nested too deeply.

    Only white space between tokens changes: a number sent as ``50.750`` stays ``50.750``.
    Invisible characters in strings are not replaced.
    """
    try:
        text = raw.decode("utf-8")
        json.loads(text, parse_int=str, parse_float=str)  # accept numbers of any length
    except (ValueError, RecursionError):
        return None
    return _indented(_PART.findall(text))


def _indented(parts: list[str]) -> list[str] | None:
    lines, depth, previous = [""], 0, ""
    for part in parts:
        if part in _CLOSING:
            depth -= 1
        # Break lines after a comma, and inside brackets that are not empty.
        if previous == "," or (previous in _OPENING) != (part in _CLOSING):
            lines.append("  " * depth)
        lines[-1] += ": " if part == ":" else part
        if part in _OPENING:
            depth += 1
        if depth > MAX_DEPTH:
            return None
        previous = part
    return lines
