"""Where two byte strings differ, piece by piece, to be shown side by side. Pure.

Called by ``diagnosis`` for a body that was changed on its way.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile

# Beyond these only the common ends are found. Together they bound the work, whatever the bytes are:
# difflib takes seconds where the same few parts come again and again.
MAX_PARTS = 2000  # of both sides
MAX_EDITS = 300  # parts left out or put in

# A word, a run of one kind of blank, or one byte of anything else.
_PART = re.compile(rb"[A-Za-z0-9_.+-]+| +|\n|[^A-Za-z0-9_.+ \n-]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one side. ``differs``: the other side has nothing like it here."""

    content: bytes
    differs: bool


Sides = tuple[list[Piece], list[Piece]]


def compare(one: bytes, other: bytes) -> Sides:
    """Both sides cut into pieces; joined, the pieces of a side are that side again."""
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
    for is_kept, places in groupby(range(len(parts)), key=kept.__contains__):
        yield Piece(b"".join(parts[place] for place in places), not is_kept)


def _kept(ones: list[bytes], others: list[bytes]) -> list[tuple[int, int]] | None:
    """The places of parts that both sides have, as pairs; None beyond ``MAX_EDITS``.

    E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): ``furthest`` holds, for
    each diagonal (place in ``ones`` less place in ``others``), how far so many edits can lead.
    """
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(MAX_EDITS + 1):
        trail.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            one = _step(furthest, diagonal, edits)
            while _is_same(ones, one, others, one - diagonal):
                one += 1
            furthest[diagonal] = one
            if one >= len(ones) and one - diagonal >= len(others):
                return _walk_back(trail, len(ones), len(others))
    return None


def _step(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    """The place in ``ones`` after one more edit."""
    if _is_put_in(furthest, diagonal, edits):
        return furthest[diagonal + 1]
    return furthest[diagonal - 1] + 1


def _is_put_in(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    """Whether that edit puts a part of ``others`` in; else it leaves one of ``ones`` out."""
    if diagonal in (-edits, edits):
        return diagonal == -edits
    return furthest[diagonal - 1] < furthest[diagonal + 1]


def _is_same(ones: list[bytes], one: int, others: list[bytes], other: int) -> bool:
    return one < len(ones) and 0 <= other < len(others) and ones[one] == others[other]


def _walk_back(trail: list[dict[int, int]], one: int, other: int) -> list[tuple[int, int]]:
    kept = []
    for edits in range(len(trail) - 1, -1, -1):
        diagonal = one - other
        start = _step(trail[edits], diagonal, edits)
        while one > start:
            one, other = one - 1, other - 1
            kept.append((one, other))
        if _is_put_in(trail[edits], diagonal, edits):
            other -= 1
        else:
            one -= 1
    return kept


def _around(head: bytes, middle: list[Piece], tail: bytes) -> list[Piece]:
    pieces = [Piece(head, False), *middle, Piece(tail, False)]
    return [piece for piece in pieces if piece.content]
