"""How many requests an endpoint may have in flight.

An endpoint that hangs keeps its slots until the deadline, so there must not be many. One that
responds quickly frees them at once, and more slots mean more deliveries a second. So the limit
rises by one with each quick success and falls back to the minimum after anything else, much as TCP
finds out what a network can take.
"""

MIN_CONCURRENCY = 20
MAX_CONCURRENCY = 100
QUICK_MS = 1000


def next_limit(limit: int, *, succeeded: bool, duration_ms: int) -> int:
    """Return the limit of an endpoint that had ``limit`` before this response."""
    if succeeded and duration_ms < QUICK_MS:
        return min(limit + 1, MAX_CONCURRENCY)
    return MIN_CONCURRENCY
