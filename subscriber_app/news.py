"""Tells open event streams that there is something new to read. One process, so no Redis.

``inbox``, ``faults`` and ``subscription`` announce after a commit; ``web.live`` listens. News has
no content: the pages read the facts from the database.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """One event stream's ear; any number of announcements between two looks count as one."""

    def __init__(self) -> None:
        self.is_over = False
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Note that there is something new."""
        self._news.set()

    def end(self) -> None:
        """Have the stream finish, and not wait any longer."""
        self.is_over = True
        self._news.set()

    async def hear(self, timeout: float) -> bool:  # noqa: ASYNC109 – a bound on waiting for news, not on work
        """Whether there were announcements since the last call; waits ``timeout`` seconds."""
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return False
        self._news.clear()
        return True


class NewsFeed:
    """Passes every announcement on to all who listen."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.is_over = asyncio.Event()  # for whoever waits for something else than news

    @property
    def has_listeners(self) -> bool:
        """Whether anybody would hear an announcement."""
        return bool(self._listeners)

    def announce(self) -> None:
        """Call it after the commit: whoever hears it reads at once."""
        for listener in self._listeners:
            listener.tell()

    def end_streams(self) -> None:
        """Have all open event streams finish, since the process is about to stop."""
        self.is_over.set()
        for listener in self._listeners:
            listener.end()

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Hear announcements for as long as the block runs."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
