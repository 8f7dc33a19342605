"""The sandbox that is bound where this code runs: its number is in each of its rows.

The middleware of the web processes binds the sandbox of each request; without one, it is ``main``.
Workers and metrics serve all sandboxes, and say so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAIN_NUMBER = 0
RETIRED_NUMBER = -1  # of counters only: see ``sandboxes.counts``
ALL = None

_bound: ContextVar[int | None] = ContextVar("bound", default=MAIN_NUMBER)


@contextmanager
def bound_to(number: int | None) -> Iterator[None]:
    """Bind the sessions that this task opens during the block. ``ALL``: to no sandbox."""
    token = _bound.set(number)
    try:
        yield
    finally:
        _bound.reset(token)


def bound_number() -> int | None:
    """Return the number of the bound sandbox, or ``ALL``."""
    return _bound.get()


def require_number() -> int:
    """Return the number of the bound sandbox. Raise ``LookupError`` if none is bound."""
    number = _bound.get()
    if number is ALL:
        raise LookupError("a new row belongs to one sandbox, and none is bound here")
    return number
