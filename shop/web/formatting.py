"""Formats durations for people."""

from itertools import pairwise

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
MIN_IN_SECONDS = 0.1


def span(seconds: float) -> str:
    """Return a duration such as ``30 ms``, ``4.6 s``, ``5 min`` or ``2 h 5 min``, without sign."""
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
    """Return a duration as ``span`` does, after ``+`` or a real minus sign."""
    return ("−" if seconds < 0 else "+") + span(seconds)


def milliseconds(number: float) -> str:
    """Return a number of milliseconds, with a decimal only if it is below 10."""
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"  # noqa: PLR2004
