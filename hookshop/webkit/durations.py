"""Formats a measured duration for people, the same on all pages of both applications. Pure."""

MAX_EXACT_MS = 10_000  # above, nobody reads milliseconds
MIN_WHOLE_MS = 10  # below, a decimal says more
MS_PER_SECOND, MS_PER_MINUTE, MS_PER_HOUR = 1000, 60_000, 3_600_000


def duration(milliseconds: float) -> str:
    """Return a duration such as ``8.1 ms``, ``2,031 ms``, ``55.6 s``, ``30 min`` or ``3 h``.

    ``milliseconds``: not negative. Seconds begin above 10 s, minutes at 2 min, hours at 2 h.
    """
    if milliseconds < MIN_WHOLE_MS:
        return f"{milliseconds:.1f}".removesuffix(".0") + " ms"
    if round(milliseconds) <= MAX_EXACT_MS:
        return f"{milliseconds:,.0f} ms"
    if round(milliseconds, -2) < 2 * MS_PER_MINUTE:
        return f"{milliseconds / MS_PER_SECOND:.1f} s"
    if milliseconds < 2 * MS_PER_HOUR:
        return f"{milliseconds / MS_PER_MINUTE:.0f} min"
    return f"{milliseconds / MS_PER_HOUR:.0f} h"


def signed_duration(milliseconds: float) -> str:
    """Return a duration as ``duration`` does, after ``+`` or a real minus sign."""
    return ("−" if milliseconds < 0 else "+") + duration(abs(milliseconds))
