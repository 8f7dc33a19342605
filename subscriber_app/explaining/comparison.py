"""Compares two byte strings piece by piece, to show them side by side. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile

# Beyond these limits only the common ends are found. They bound the work for any input; difflib
# takes seconds if a few parts are repeated many times.
MAX_PARTS = 2000  # of both sides together
MAX_EDITS = 300  # deleted or inserted parts

# A word, a run of one kind of blank, or one byte of anything else.
_PART = re.compile(rb"[A-Za-z0-9_.+-]+| +|\n|[^A-Za-z0-9_.+ \n-]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one side. ``differs``: the other side does not have them here."""

    content: bytes
    differs: bool


Sides = tuple[list[Piece], list[Piece]]


def compare(one: bytes, other: bytes) -> Sides:
    """Return both sides as pieces. Joined, the pieces of a side are the whole side."""
    ones, others = _PART.findall(one), _PART.findall(other)
    start = _common(ones, others)
    end = _common(ones[start:][::-1], others[start:][::-1])
    head, tail = b"".join(ones[:start]), b"".join(ones[len(ones) - end :])
    left, right = _middle(ones[start : len(ones) - end], others[start : len(others) - end])
    return _around(head, left, tail), _around(head, right, tail)


def _common(ones: list[bytes], others: list[bytes]) -> int:
    pairs = zip(ones, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _middle(ones: list[bytes], others: list[bytes]) -> Sides:
    kept = _kept(ones, others) if len(ones) + len(others) <= MAX_PARTS else None
    if kept is None:
        return [Piece(b"".join(ones), True)], [Piece(b"".join(others), True)]
    return (
        list(_pieces(ones, {one for one, _other in kept})),
        list(_pieces(others, {other for _one, other in kept})),
    )


def _pieces(parts: list[bytes], kept: set[int]) -> Iterator[Piece]:
    for is_kept, indexes in groupby(range(len(parts)), key=kept.__contains__):
        yield Piece(b"".join(parts[index] for index in indexes), not is_kept)


def _kept(ones: list[bytes], others: list[bytes]) -> list[tuple[int, int]] | None:
    """Return the indexes of common parts, as pairs; None beyond ``MAX_EDITS``.

    E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986). ``furthest`` maps each
    diagonal (index in ``ones`` minus index in ``others``) to the furthest index in ``ones`` that is
    reachable with the current number of edits.
    """
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(MAX_EDITS + 1):
        trail.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            one = _next_index(furthest, diagonal, edits)
            while _is_same(ones, one, others, one - diagonal):
                one += 1
            furthest[diagonal] = one
            if one >= len(ones) and one - diagonal >= len(others):
                return _walk_back(trail, len(ones), len(others))
    return None


def _next_index(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    """Return the index in ``ones`` after one more edit."""
    if _is_insertion(furthest, diagonal, edits):
        return furthest[diagonal + 1]
    return furthest[diagonal - 1] + 1


def _is_insertion(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    """Return whether that edit inserts a part of ``others``; the other kind deletes one."""
    if diagonal in (-edits, edits):
        return diagonal == -edits
    return furthest[diagonal - 1] < furthest[diagonal + 1]


def _is_same(ones: list[bytes], one: int, others: list[bytes], other: int) -> bool:
    return one < len(ones) and 0 <= other < len(others) and ones[one] == others[other]


def _walk_back(trail: list[dict[int, int]], one: int, other: int) -> list[tuple[int, int]]:
    kept = []
    for edits in range(len(trail) - 1, -1, -1):
        diagonal = one - other
        start = _next_index(trail[edits], diagonal, edits)
        while one > start:
            one, other = one - 1, other - 1
            kept.append((one, other))
        if _is_insertion(trail[edits], diagonal, edits):
            other -= 1
        else:
            one -= 1
    return kept


def _around(head: bytes, middle: list[Piece], tail: bytes) -> list[Piece]:
    pieces = [Piece(head, False), *middle, Piece(tail, False)]
    return [piece for piece in pieces if piece.content]
