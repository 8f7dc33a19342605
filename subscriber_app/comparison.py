"""Where two byte strings differ, piece by piece, to be shown side by side. Pure.

Called by ``diagnosis`` for a body that was changed on its way.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

# Comparing takes a time that grows with the square of this; beyond it, only the ends are compared.
MOST_PARTS = 2000

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
    if len(ones) + len(others) > MOST_PARTS:
        return [Piece(b"".join(ones), True)], [Piece(b"".join(others), True)]
    left, right = [], []
    matcher = SequenceMatcher(None, ones, others, autojunk=False)
    for kind, one_from, one_to, other_from, other_to in matcher.get_opcodes():
        left.append(Piece(b"".join(ones[one_from:one_to]), kind != "equal"))
        right.append(Piece(b"".join(others[other_from:other_to]), kind != "equal"))
    return left, right


def _around(head: bytes, middle: list[Piece], tail: bytes) -> list[Piece]:
    pieces = [Piece(head, False), *middle, Piece(tail, False)]
    return [piece for piece in pieces if piece.content]
