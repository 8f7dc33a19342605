"""The limit of requests that an endpoint may have in flight.

An endpoint that hangs occupies its slots until the deadline, so it must have few. One that responds
quickly needs more slots for more deliveries per second. So the limit rises by one with each quick
success and falls back to the minimum after anything else, similar to TCP congestion control.
"""

MIN_CONCURRENCY = 20
MAX_CONCURRENCY = 100
QUICK_MS = 1000


def next_limit(limit: int, *, succeeded: bool, duration_ms: int) -> int:
    """Return the limit of an endpoint that had ``limit`` before this response."""
    if succeeded and duration_ms < QUICK_MS:
        return min(limit + 1, MAX_CONCURRENCY)
    return MIN_CONCURRENCY
