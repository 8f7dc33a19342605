"""Where the time of one request goes: to the name, the connection, the endpoint, its answer.

What was not seen to happen is not in the result. (aiohttp can trace its requests by itself, at
nearly a tenth of the client's speed; this takes a third of that.)
"""

import time
from enum import StrEnum


class Phase(StrEnum):
    """A part of a request's time; they follow each other in this order."""

    LOOKUP = "lookup"  # of the host's name; none for an address
    CONNECTING = "connecting"  # TCP and, for https, TLS
    WAITING = "waiting"  # from the first byte sent to the answer's last header
    READING = "reading"  # of the answer's body, as far as it is kept


# ``lookup_ms``, ``connecting_ms``, …: of the phases that were begun, the last one up to the failure
# where there was one. ``reused_connection``: whether an open one was at hand.
Timings = dict[str, float | bool]


class Stopwatch:
    """Measures one request, one phase after the other."""

    def __init__(self) -> None:
        self._spent: dict[Phase, float] = {}
        self._phase: Phase | None = None
        self._since = 0.0
        self._reused_connection: bool | None = None

    def turn_to(self, phase: Phase | None) -> None:
        """End the phase that runs, and begin this one; None: the request is over."""
        now = time.perf_counter()
        if self._phase is not None:
            self._spent[self._phase] = self._spent.get(self._phase, 0) + now - self._since
        self._phase, self._since = phase, now

    def open_connection(self) -> None:
        """None was at hand: one is being made."""
        self._reused_connection = False
        self.turn_to(Phase.CONNECTING)

    def look_up(self) -> None:
        """One is being made, and first its name has to be resolved."""
        self.open_connection()
        self.turn_to(Phase.LOOKUP)

    def use_connection(self) -> None:
        """The connection stands; whoever did not have to make one has found it open."""
        if self._reused_connection is None:
            self._reused_connection = True
        self.turn_to(Phase.WAITING)

    def read_off(self) -> Timings | None:
        """Milliseconds, to a tenth; None when not even connecting was begun."""
        if self._reused_connection is None:
            return None
        spent = {f"{phase}_ms": round(s * 1000, 1) for phase, s in self._spent.items()}
        return {**spent, "reused_connection": self._reused_connection}
