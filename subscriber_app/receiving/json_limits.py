"""Bounds on what is done with a stranger's JSON after it was parsed. Pure.

Parsing is quick and stops by itself where the nesting is too deep for it. Writing what was parsed
is neither: indented, the text grows with the square of the depth.
"""

from itertools import chain
from typing import Any


def is_within(document: Any, *, max_depth: int, max_values: int) -> bool:
    """Return whether a parsed document keeps both limits.

    ``max_depth``: objects and arrays around a value. ``max_values``: those that contain others
    count, too.
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
