"""The texts of missions: terms as ``[jitter]``, evidence as ``{order}``. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_MARK = re.compile(r"\[([^\]|]+)(?:\|([^\]]+))?\]|\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a name in braces is shown as. ``address``: "" for a text without a link."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. At most one of ``term`` and ``reference`` is set."""

    text: str
    term: str = ""
    reference: Reference | None = None


def pieces(text: str, references: Mapping[str, Reference] | None = None) -> list[Piece]:
    """Return the parts of a text, in order. A name without a reference becomes "–"."""
    return list(_pieces(text, references or {}))


def _pieces(text: str, references: Mapping[str, Reference]) -> Iterator[Piece]:
    end = 0
    for mark in _MARK.finditer(text):
        if mark.start() > end:
            yield Piece(text[end : mark.start()])
        term, shown, name = mark.groups()
        if name:
            reference = references.get(name, Reference("–"))
            yield Piece(reference.text, reference=reference)
        else:
            yield Piece(shown or term, term=term)
        end = mark.end()
    if end < len(text):
        yield Piece(text[end:])


def plain(text: str, references: Mapping[str, Reference] | None = None) -> str:
    """Return the same text without links and terms, for programs."""
    return "".join(piece.text for piece in pieces(text, references))
