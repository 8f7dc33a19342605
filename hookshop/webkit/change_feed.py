"""Wakes the event streams of live pages when something has changed.

A change says what to read again, never the new value: the pages read it from the database.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Change(Protocol):
    """Something to read again; a hashable value, so that the same change counts once."""

    @property
    def is_everything(self) -> bool:
        """Whether any page may have to be read again."""


ChangeT = TypeVar("ChangeT", bound=Change)


class Subscription(Generic[ChangeT]):
    """The changes that one event stream has not shown yet."""

    def __init__(self) -> None:
        self.is_over = False
        self._waiting: set[ChangeT] = set()
        self._wake_up = asyncio.Event()

    def add(self, changes: Iterable[ChangeT]) -> None:
        """Keep changes for the next call of ``next_changes``."""
        self._waiting.update(changes)
        self._wake_up.set()

    def end(self) -> None:
        """Have the stream finish, and not wait any longer."""
        self.is_over = True
        self._wake_up.set()

    async def next_changes(self, timeout: float) -> frozenset[ChangeT]:  # noqa: ASYNC109 – a bound on waiting for changes, not on work
        """Return all changes since the last call; wait for one at most ``timeout`` seconds."""
        try:
            await asyncio.wait_for(self._wake_up.wait(), timeout)
        except TimeoutError:
            return frozenset()
        changes = frozenset(self._waiting)
        self._waiting.clear()
        self._wake_up.clear()
        return changes


class ChangeFeed(Generic[ChangeT]):
    """Passes changes on to all subscriptions of this process."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()  # for code that waits for something else than changes
        self._subscriptions: set[Subscription[ChangeT]] = set()

    @property
    def has_subscribers(self) -> bool:
        """Whether a change would reach anybody."""
        return bool(self._subscriptions)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription[ChangeT]]:
        """Receive changes for as long as the block runs."""
        subscription = Subscription[ChangeT]()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def pass_on(self, changes: Iterable[ChangeT]) -> None:
        """Wake every subscription."""
        changes = tuple(changes)
        for subscription in self._subscriptions:
            subscription.add(changes)

    def end_streams(self) -> None:
        """Have all open event streams finish, since the process is about to stop."""
        self.is_over.set()
        for subscription in self._subscriptions:
            subscription.end()


@dataclass(frozen=True, slots=True)
class AnyChange:
    """Something changed, and it is not said what."""

    is_everything: bool = True


class LocalChangeFeed(ChangeFeed[AnyChange]):
    """The feed of an application with one process, whose pages read everything again."""

    def announce(self) -> None:
        """Wake the streams; call it after the commit, since they read at once."""
        self.pass_on([AnyChange()])
