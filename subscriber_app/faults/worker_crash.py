"""A crash of the shop's worker, once, after the next booking: nobody reads the response."""

import logging
from pathlib import Path

from hookshop.webkit.change_feed import LocalChangeFeed

logger = logging.getLogger(__name__)


class ImpossibleCrash(Exception):  # noqa: N818 – the name says what happened
    """Only ``main`` of a private demo can have its worker killed."""


class WorkerCrash:
    """Whether the worker is to be killed. Kept in memory: a restart disarms it.

    ``request``: the file that asks the demo to kill its worker; None where that is impossible.
    """

    def __init__(self, request: Path | None, feed: LocalChangeFeed) -> None:
        self._request = request
        self._feed = feed
        self._is_armed = False
        self._changes = 0

    @property
    def is_possible(self) -> bool:
        """Return whether there is a demo that kills its worker."""
        return self._request is not None

    @property
    def is_armed(self) -> bool:
        """Return whether the next booking is followed by the crash."""
        return self._is_armed

    @property
    def changes(self) -> int:
        """Return how often it was armed or disarmed."""
        return self._changes

    def arm(self) -> None:
        """Kill the worker after the next booking. Raise ``ImpossibleCrash``."""
        if not self.is_possible:
            raise ImpossibleCrash
        self._change(is_armed=True)

    def disarm(self) -> None:
        """Kill nothing."""
        self._change(is_armed=False)

    def carry_out(self) -> None:
        """Have the worker killed, and disarm. Call it after the commit of the booking.

        Of several bookings at once, only the first one kills: the next worker is to stay alive.
        """
        if self._request is None or not self._is_armed:
            return
        self.disarm()
        try:
            self._request.touch(mode=0o600)
        except OSError as error:
            # The response is withheld all the same, so the worker times out.
            logger.warning("Cannot ask the demo to kill the worker: %s", error)

    def _change(self, *, is_armed: bool) -> None:
        if is_armed == self._is_armed:
            return
        self._is_armed = is_armed
        self._changes += 1
        self._feed.announce()
