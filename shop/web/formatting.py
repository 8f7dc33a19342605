"""How spans of time are written for people. Called by ``timeline`` and ``attempts``."""

from itertools import pairwise

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
MIN_IN_SECONDS = 0.1


def span(seconds: float) -> str:
    """``30 ms``, ``4.6 s``, ``5 min``, ``2 h 5 min``: as exact as one can grasp; no sign."""
    seconds = abs(seconds)
    if seconds < MIN_IN_SECONDS:
        return f"{milliseconds(seconds * 1000)} ms" if seconds else "0 s"
    if round(seconds, 1) < 60:  # noqa: PLR2004 – a minute
        return f"{round(seconds, 1):g} s"
    whole = round(seconds)
    for (name, size), (smaller, part) in pairwise(_UNITS):
        if whole >= size:
            many, rest = divmod(whole, size)
            return f"{many} {name}" + (f" {rest // part} {smaller}" if rest >= part else "")
    return f"{whole} s"


def signed_span(seconds: float) -> str:
    """The same with ``+`` or a real minus sign."""
    return ("−" if seconds < 0 else "+") + span(seconds)


def milliseconds(number: float) -> str:
    """A number of milliseconds: a decimal only where it says something."""
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"  # noqa: PLR2004
