"""How many requests an endpoint may have in flight. Pure: no clock, no database.

An endpoint that hangs holds its places until the deadline, so there must not be many. One that
answers quickly gives them back at once, and more of them are more deliveries a second: it gains a
place with each quick success, and is back to the fewest after anything else, much as a sender of
TCP feels out what a network can take. Called by ``records`` after each attempt.
"""

FEWEST_PLACES = 20
MOST_PLACES = 100
QUICK_MS = 1000


def places_after(places: int, *, succeeded: bool, duration_ms: int) -> int:
    """The places of an endpoint that had ``places`` and now gave this answer."""
    if succeeded and duration_ms < QUICK_MS:
        return min(places + 1, MOST_PLACES)
    return FEWEST_PLACES
