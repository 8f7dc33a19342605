"""Measures the phases of one request: name lookup, connecting, waiting, reading.

aiohttp can trace its requests itself, but that costs the client nearly a tenth of its speed. This
costs a third of that.
"""

import time
from enum import StrEnum


class Phase(StrEnum):
    """A phase of a request. Phases follow each other in this order."""

    LOOKUP = "lookup"  # of the host name; none for an IP address
    CONNECTING = "connecting"  # TCP and, for https, TLS
    WAITING = "waiting"  # from the first byte sent to the last header of the response
    READING = "reading"  # of the response's body, as far as it is kept


# ``lookup_ms``, ``connecting_ms``, …: durations of the phases that were started, the last one up to
# the failure if there was one. ``reused_connection``: whether the connection was open before.
Timings = dict[str, float | bool]


class Stopwatch:
    """Measures the phases of one request, one after the other."""

    def __init__(self) -> None:
        self._spent: dict[Phase, float] = {}
        self._phase: Phase | None = None
        self._since = 0.0
        self._reused_connection: bool | None = None

    def start_connecting(self) -> None:
        """Start opening a new connection."""
        self._reused_connection = False
        self._start_phase(Phase.CONNECTING)

    def start_lookup(self) -> None:
        """Start opening a new connection with the lookup of the host name."""
        self.start_connecting()
        self._start_phase(Phase.LOOKUP)

    def start_waiting(self) -> None:
        """Start waiting for the response. If this is the first phase, the connection is reused."""
        if self._reused_connection is None:
            self._reused_connection = True
        self._start_phase(Phase.WAITING)

    def start_reading(self) -> None:
        """Start reading the response's body."""
        self._start_phase(Phase.READING)

    def stop(self) -> Timings | None:
        """End the last phase. Return the timings, or None if not even connecting was started.

        Durations are in milliseconds, to a tenth.
        """
        self._start_phase(None)
        if self._reused_connection is None:
            return None
        spent = {f"{phase}_ms": round(s * 1000, 1) for phase, s in self._spent.items()}
        return {**spent, "reused_connection": self._reused_connection}

    def _start_phase(self, phase: Phase | None) -> None:
        now = time.perf_counter()
        if self._phase is not None:
            self._spent[self._phase] = self._spent.get(self._phase, 0) + now - self._since
        self._phase, self._since = phase, now
