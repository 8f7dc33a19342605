"""Limits for re-serializing JSON from untrusted senders. Pure.

Parsing is fast and stops by itself at a maximum depth. Writing indented JSON is neither: the text
grows with the square of the depth.
"""

from itertools import chain
from typing import Any


def is_within(document: Any, *, max_depth: int, max_values: int) -> bool:
    """Return whether a parsed document is within both limits.

    ``max_depth``: the number of objects and arrays around a value. ``max_values``: the number of
    values, including objects and arrays.
    """
    level, count = [document], 1
    for _depth in range(max_depth + 1):
        level = list(chain.from_iterable(map(_members, level)))
        count += len(level)
        if not level or count > max_values:
            break
    return not level and count <= max_values


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
