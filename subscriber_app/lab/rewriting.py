"""Guesses what a body was before it was parsed and re-serialized. Pure.

Most signatures that do not match are valid for other bytes with the same meaning. ``diagnosis``
tries these guesses. Anyone can send a body, so the work is bounded: bodies that are larger, deeper
or of more values than any event are not re-serialized, and ``not_guessed`` says so.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from subscriber_app.receiving.json_limits import is_within

# Each guess costs a digest of the whole body for every secret.
MAX_BODY_BYTES = 16 * 1024
# An event has about ten values in two levels. Each body is serialized in 90 ways.
MAX_DEPTH = 12
MAX_VALUES = 300
# JavaScript writes whole numbers below this without an exponent.
MAX_WHOLE_NUMBER = 10**21

_TOO_DEEP = f"re-serialized bodies: the JSON is nested deeper than {MAX_DEPTH} levels"
_CONTRACT_ORDER = ("event", "id", "type", "value", "order_id", "date")
_FORMATS: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":")},
    "with a space after every comma and colon": {},
    "indented by two spaces": {"indent": 2},
    "indented by four spaces": {"indent": 4},
    "indented by tabs": {"indent": "\t"},
}


@dataclass(frozen=True, slots=True)
class Guess:
    """``original``: the bytes that may have been signed. ``change``: how they were changed."""

    original: bytes
    change: str
    is_rewritten: bool = False


def guesses(received: bytes) -> Iterator[Guess]:
    """Yield every guess at the original of ``received``, simplest first. Never raises."""
    if len(received) <= MAX_BODY_BYTES:
        yield from _edges(received)
        yield from _encodings(received)
        yield from _rewritten(received)


def not_guessed(received: bytes) -> str:
    """Return which guesses are left out for this body, and why; "" if none are."""
    if len(received) > MAX_BODY_BYTES:
        return f"changes to the body: it has more than {MAX_BODY_BYTES} bytes"
    try:
        document = json.loads(received)
    except ValueError:
        return ""  # not JSON, so there is nothing to re-serialize
    except RecursionError:
        return _TOO_DEEP
    if not is_within(document, max_depth=MAX_DEPTH, max_values=len(received)):
        return _TOO_DEEP
    if not is_within(document, max_depth=MAX_DEPTH, max_values=MAX_VALUES):
        return f"re-serialized bodies: the JSON has more than {MAX_VALUES} values"
    return ""


def _edges(received: bytes) -> Iterator[Guess]:
    if received.endswith(b"\n"):
        yield Guess(received[:-1], "a line feed was added at the end")
    if received.rstrip() != received:
        yield Guess(received.rstrip(), "white space was added at the end")
    if received.strip() != received:
        yield Guess(received.strip(), "white space was added around it")
    for added, name in ((b"\n", "the line feed"), (b"\r\n", "the line break"), (b" ", "the space")):
        yield Guess(received + added, f"{name} at the end was removed")
    yield Guess(b"", "an empty body was replaced")


def _encodings(received: bytes) -> Iterator[Guess]:
    yield Guess(received.replace(b"\r\n", b"\n"), "line feeds became CR LF")
    yield Guess(received.replace(b"\n", b"\r\n"), "CR LF became line feeds")
    mark = b"\xef\xbb\xbf"
    yield Guess(received.removeprefix(mark), "a byte order mark was added at the start")
    yield Guess(mark + received, "the byte order mark at the start was removed")
    for target, source in (("latin-1", "utf-8"), ("utf-8", "latin-1")):
        try:
            yield Guess(received.decode(source).encode(target), f"{target} became {source}")
        except UnicodeError:
            continue


def _rewritten(received: bytes) -> Iterator[Guess]:
    try:
        document = json.loads(received)
        if not is_within(document, max_depth=MAX_DEPTH, max_values=MAX_VALUES):
            return
        format_note = _format_of(document, received)
        for order, numbers in product(_ORDERS.items(), _NUMBERS.items()):
            arranged = numbers[1](order[1](document))
            changes = [change for change in (order[0], numbers[0], format_note) if change]
            yield from _written(arranged, changes)
    except (ValueError, RecursionError):  # not JSON, or too deep
        return


def _format_of(document: Any, received: bytes) -> str:
    for (name, options), is_ascii in product(_FORMATS.items(), (False, True)):
        text = json.dumps(document, ensure_ascii=is_ascii, **options)
        if text.encode("utf-8", errors="surrogatepass") == received.strip():
            return f"the received body is {name}"
    return ""


def _written(document: Any, changes: list[str]) -> Iterator[Guess]:
    for (name, options), is_ascii in product(_FORMATS.items(), (False, True)):
        text = json.dumps(document, ensure_ascii=is_ascii, **options)
        change = "; ".join([f"the signed body was {name}", *changes])
        raw = text.encode("utf-8", errors="surrogatepass")
        yield Guess(raw, change, is_rewritten=True)
        yield Guess(raw + b"\n", f"{change}, with a line feed at the end", is_rewritten=True)


def _unchanged(document: Any) -> Any:
    return document


def _reordered(rank: Callable[[str], Any]) -> Callable[[Any], Any]:
    def reorder(document: Any) -> Any:
        if isinstance(document, dict):
            return {key: reorder(document[key]) for key in sorted(document, key=rank)}
        if isinstance(document, list):
            return [reorder(each) for each in document]
        return document

    return reorder


def _rank_in_contract(key: str) -> tuple[int, str]:
    known = key in _CONTRACT_ORDER
    return (_CONTRACT_ORDER.index(key) if known else len(_CONTRACT_ORDER), key)


def _renumbered(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def renumber(document: Any) -> Any:
        if isinstance(document, dict):
            return {key: renumber(value) for key, value in document.items()}
        if isinstance(document, list):
            return [renumber(each) for each in document]
        return change(document)

    return renumber


def _to_float(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _to_int(value: Any) -> Any:
    is_whole = type(value) is float and value.is_integer() and abs(value) < MAX_WHOLE_NUMBER
    return int(value) if is_whole else value


_ORDERS: dict[str, Callable[[Any], Any]] = {
    "": _unchanged,
    "its keys were sorted": _reordered(lambda key: key),
    "its keys were in another order": _reordered(_rank_in_contract),
}
# JavaScript writes 50.0 as 50; other languages write 50 as 50.0.
_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "": _unchanged,
    "its whole numbers had .0": _renumbered(_to_float),
    "its whole numbers had no .0": _renumbered(_to_int),
}
