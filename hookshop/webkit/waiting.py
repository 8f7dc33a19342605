"""Calls that wait for a fact: the client asks once and gets the answer when the fact is there.

A call subscribes to the change feed, then reads, then waits for a change and reads again. A change
between subscribing and reading wakes it, so no fact is missed. It also reads once a second without
a change, because announcements may be lost while Redis is away.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar

from litestar import Request
from litestar.params import QueryParameter
from msgspec import Meta, UnsetType

from hookshop.webkit.change_feed import ChangeFeed, Subscription
from hookshop.webkit.errors import Problem
from hookshop.webkit.request_queue import release_slot

MAX_WAIT_SECONDS = 60
MAX_MIN_COUNT = 100  # rows: the size of the largest page
POLL_INTERVAL_SECONDS = 1.0
# A call reads three times without a pause, for a delivery that is claimed and then succeeds. Then
# it reads at this interval: all in all at most ten times in a second.
BURST = 3
MIN_INTERVAL_SECONDS = 1 / 7
# Of all waiting calls together. If there are more of them, each one reads less often.
MAX_READS_PER_SECOND = 100
MAX_CONCURRENT_READS = 4  # so that other requests need not wait for hundreds of reads

AnyRequest = Request[Any, Any, Any]

WaitSeconds = Annotated[
    float | None,
    QueryParameter(
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="Answer when the condition is met, or after this number of seconds.",
    ),
]
MinCount = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=MAX_MIN_COUNT,
        description="The condition: this many rows match the filters. 1 if `wait` is set.",
    ),
]
Strict = Annotated[
    bool,
    QueryParameter(description="Answer 504 instead of 200 if the condition is not met in time."),
]
Satisfied = Annotated[
    bool, Meta(description="Whether the condition was met in time.", examples=[True])
]
TIMED_OUT = {
    504: "With `strict=1`: the condition was not met in time. `detail` says how far it is."
}


class WaitAnswer(Protocol):
    """What a call that waits returns."""

    @property
    def satisfied(self) -> bool | UnsetType:
        """Whether the condition is met."""


AnswerT = TypeVar("AnswerT", bound=WaitAnswer)


@dataclass(frozen=True, slots=True)
class Wait:
    """What the client asked for. ``seconds``: 0 answers at once. ``min_count``: in lists."""

    seconds: float
    min_count: int
    strict: bool

    @classmethod
    def read(
        cls, seconds: float | None, min_count: int | None = None, *, strict: bool
    ) -> "Wait | None":
        """Return the wait that these parameters ask for, or None if none of them is set."""
        if seconds is None and min_count is None and not strict:
            return None
        if seconds is not None and math.isnan(seconds):
            raise Problem(400, "wait: Expected a number of seconds")
        return cls(seconds or 0, 1 if min_count is None else min_count, strict)

    def too_few(self, rows: str) -> str:
        """Return how far a list is that does not have ``min_count`` rows."""
        return f"fewer than {self.min_count} {rows} match" if self.min_count > 1 else "none matches"


class WaitingRoom:
    """Keeps the calls of one process that wait from reading too much. ``app.state.waiting_room``.

    It may be used in several event loops, one after the other.
    """

    def __init__(self) -> None:
        self.waiting = 0  # calls
        self._slots: asyncio.Semaphore | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a call as waiting during the block."""
        if not self.waiting:
            self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    @property
    def fair_interval_seconds(self) -> float:
        """How often each call may read, so that all together keep ``MAX_READS_PER_SECOND``."""
        return self.waiting / MAX_READS_PER_SECOND

    async def read(self, read: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Read, after those that wanted to read before."""
        assert self._slots is not None  # noqa: S101 – for the type checker
        async with self._slots:
            return await read()


@dataclass(frozen=True, slots=True)
class Condition(Generic[AnswerT]):
    """What a call waits for.

    ``read``: return the current answer. ``concerns``: return whether a change may satisfy it.
    ``progress``: say in a few words how far an answer is.
    """

    read: Callable[[], Awaitable[AnswerT]]
    progress: Callable[[AnswerT], str]
    concerns: Callable[[Any], bool] = lambda _change: True


async def wait_until_satisfied(
    request: AnyRequest, feed: ChangeFeed[Any], wait: Wait, condition: Condition[AnswerT]
) -> AnswerT:
    """Return the first answer that is satisfied, or after ``wait.seconds`` the last one.

    Also return the last one when the server stops, the sandbox is dropped or the client leaves.
    Raise the exceptions of ``condition.read``, and ``Problem`` (504) if ``wait.strict``.
    """
    # Subscribe before the first read, so that no change is lost between the two.
    with feed.subscribe() as subscription:
        answer = await condition.read()
        if wait.seconds and not answer.satisfied and not feed.is_over.is_set():
            release_slot(request.scope)
            room: WaitingRoom = request.app.state.waiting_room
            leaving = asyncio.create_task(_end_when_gone(request, subscription))
            try:
                with room.entered():
                    call = _WaitingCall(subscription, room, condition)
                    answer = await call.wait(answer, wait.seconds)
            finally:
                leaving.cancel()
    if wait.strict and not answer.satisfied:
        progress = condition.progress(answer)
        raise Problem(504, f"not satisfied within {wait.seconds:g} s: {progress}")
    return answer


async def _end_when_gone(request: AnyRequest, subscription: Subscription[Any]) -> None:
    """End the wait when the client has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    subscription.end()


class _WaitingCall(Generic[AnswerT]):
    def __init__(
        self,
        subscription: Subscription[Any],
        room: WaitingRoom,
        condition: Condition[AnswerT],
    ) -> None:
        self._subscription = subscription
        self._room = room
        self._condition = condition
        self._clock = asyncio.get_running_loop().time
        self._pace = _Pace(self._clock())

    async def wait(self, answer: AnswerT, seconds: float) -> AnswerT:
        """Read again and again until an answer is satisfied or the wait ends."""
        deadline = self._clock() + seconds
        while not answer.satisfied and self._clock() < deadline:
            await self._next_turn(deadline)
            if self._subscription.is_over:
                break
            interval = max(MIN_INTERVAL_SECONDS, self._room.fair_interval_seconds)
            self._pace.count(self._clock(), interval)
            answer = await self._room.read(self._condition.read)
        return answer

    async def _next_turn(self, deadline: float) -> None:
        """Return when it is time to read: soon after a change, or else at the next poll."""
        poll_interval = max(POLL_INTERVAL_SECONDS, self._room.fair_interval_seconds)
        read_at = min(self._clock() + poll_interval, deadline)
        while not self._subscription.is_over and self._clock() < read_at:
            changes = await self._subscription.next_changes(timeout=read_at - self._clock())
            if any(each.is_everything or self._condition.concerns(each) for each in changes):
                read_at = min(read_at, self._pace.next_at)


class _Pace:
    """Limits how often one call reads: ``BURST`` times at once, and on average at an interval."""

    def __init__(self, now: float) -> None:
        self.next_at = now
        self._full_at = now  # when the whole burst may be used again
        self.count(now, MIN_INTERVAL_SECONDS)  # the first read

    def count(self, now: float, interval_seconds: float) -> None:
        """Count one read."""
        self._full_at = max(self._full_at, now) + interval_seconds
        self.next_at = self._full_at - (BURST - 1) * interval_seconds
