"""Wakes the event streams of live pages when data has changed.

A change names what to read again. It never has the new value: pages read that from the database.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Change(Protocol):
    """What to read again. A hashable value, so that equal changes count once."""

    @property
    def is_everything(self) -> bool:
        """Whether every page must be read again."""

    @property
    def sandbox(self) -> int | None:
        """The number of the sandbox that it concerns, or None for all of them."""


@dataclass(frozen=True, slots=True)
class AnyChange:
    """Something changed: read everything again."""

    is_everything: bool = True
    sandbox: None = None


ChangeT = TypeVar("ChangeT", bound=Change)

# More waiting changes than this are replaced by one that says "read everything again": a reader
# that does not keep up needs them no longer one by one.
MAX_WAITING_CHANGES = 1000


class Subscription(Generic[ChangeT]):
    """The changes that one event stream has not shown yet, at most ``MAX_WAITING_CHANGES``.

    ``sandbox``: the number of the sandbox whose changes it gets, or None for those of all.
    """

    def __init__(self, sandbox: int | None = None) -> None:
        self.is_over = False
        self.sandbox = sandbox
        self._waiting: set[ChangeT | AnyChange] = set()
        self._wake_up = asyncio.Event()

    def add(self, changes: Iterable[ChangeT]) -> None:
        """Add changes for the next call of ``next_changes``, except those of other sandboxes."""
        changes = [each for each in changes if self._concerns(each)]
        if not changes:
            return
        if AnyChange() not in self._waiting:
            self._waiting.update(changes)
        if len(self._waiting) > MAX_WAITING_CHANGES:
            self._waiting = {AnyChange()}
        self._wake_up.set()

    def _concerns(self, change: ChangeT) -> bool:
        return self.sandbox is None or change.sandbox in {None, self.sandbox}

    def end(self) -> None:
        """End the stream, even while it waits."""
        self.is_over = True
        self._wake_up.set()

    async def next_changes(self, timeout: float) -> frozenset[ChangeT | AnyChange]:  # noqa: ASYNC109 – a bound on waiting for changes, not on work
        """Return all changes since the last call, or ``AnyChange`` if there were too many.

        Wait at most ``timeout`` seconds for one.
        """
        try:
            # Not wait_for: before Python 3.12 it has a task of its own, which would outlive a
            # stream that is closed while it waits.
            async with asyncio.timeout(timeout):
                await self._wake_up.wait()
        except TimeoutError:
            return frozenset()
        changes = frozenset(self._waiting)
        self._waiting.clear()
        self._wake_up.clear()
        return changes


class ChangeFeed(Generic[ChangeT]):
    """Sends changes to all subscriptions of this process."""

    def __init__(self) -> None:
        self.is_over = asyncio.Event()  # for code that waits for anything other than changes
        self._subscriptions: set[Subscription[ChangeT]] = set()

    @property
    def has_subscribers(self) -> bool:
        """Whether any stream is open."""
        return bool(self._subscriptions)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription[ChangeT]]:
        """Yield a subscription that receives changes until the block ends."""
        subscription = Subscription[ChangeT](self.current_sandbox())
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def current_sandbox(self) -> int | None:
        """Return the number of the sandbox whose changes a new subscription gets. None: all."""
        return None

    def end_streams_of(self, sandbox: int) -> None:
        """End the open event streams of a sandbox, because it was dropped."""
        for subscription in self._subscriptions:
            if subscription.sandbox == sandbox:
                subscription.end()

    def pass_on(self, changes: Iterable[ChangeT]) -> None:
        """Add the changes to every subscription and wake it."""
        changes = tuple(changes)
        for subscription in self._subscriptions:
            subscription.add(changes)

    def end_streams(self) -> None:
        """End all open event streams, because the process is about to stop."""
        self.is_over.set()
        for subscription in self._subscriptions:
            subscription.end()


class LocalChangeFeed(ChangeFeed[AnyChange]):
    """The feed of an application that is one process. Its pages always read everything again."""

    def announce(self) -> None:
        """Wake the streams. Call it after the commit: they read the database immediately."""
        self.pass_on([AnyChange()])
