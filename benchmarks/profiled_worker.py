"""The shop's worker with a sampling profiler: where does the processor time of a delivery go?

``python -m benchmarks.profiled_worker RESULT.json`` does what ``python -m shop.worker`` does.
SIGUSR2 starts the profiler and stops it again. The result maps each part to its seconds.
"""

import asyncio
import json
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, CoroutineType, FrameType

import greenlet

from shop import worker

# The parts of a delivery, as modules with their submodules. ``module:name`` is a function, or a
# class with its methods, and takes precedence over its module. A sample belongs to the part of its
# innermost frame that is listed here, so unlisted libraries count for their callers.
PARTS: dict[str, tuple[str, ...]] = {
    "queue": ("arq", "shop.redis.wake_ups"),
    "dispatch": ("shop.worker", "shop.webhooks.engine.dispatcher"),
    "claim": (
        "shop.webhooks.engine.claiming",
        "shop.webhooks.engine.due",
        "shop.webhooks.states:claim",
    ),
    "sign": (
        "shop.webhooks.engine.dispatcher:Dispatcher._signed",
        "shop.webhooks.rules.signing",
        "hookshop.webkit.encryption",
    ),
    "send": (
        "aiohttp",
        "shop.webhooks.engine.connections",
        "shop.webhooks.engine.http_client",
        "shop.webhooks.engine.stopwatch",
        "shop.webhooks.rules.urls",
    ),
    "record": (
        "shop.webhooks.engine.after_attempt",
        "shop.webhooks.engine.recording",
        "shop.webhooks.rules",
        "shop.webhooks.states",
    ),
    "begin and commit": (
        "hookshop.webkit.database",
        "hookshop.webkit.sqlite",
        "shop.database.postgresql",
    ),
    "announce": ("shop.redis.change_feed",),
    "log": ("logging", "hookshop.webkit.logs"),
    "housekeeping": (
        "shop.redis.heartbeats",
        "shop.database.counters",
        "shop.webhooks.engine.retention",
    ),
}
EVENT_LOOP, ELSEWHERE = "event loop", "everything else"

SAMPLE_SECONDS = 0.001  # of processor time; many systems have a resolution of 4 ms only
# The modules in which the main thread sleeps, and in which a task waits for another thread. Frames
# behind an async generator, as in a context manager, are not visible.
_SLEEPS = "selectors"
_HANDS_OVER = ("aiosqlite", "asyncio.threads", "contextlib")
_PART_BY_NAME = {name: part for part, names in PARTS.items() for name in names}

Call = tuple[str, CodeType]  # the module and the code of a frame
Stack = list[Call]  # the innermost call first


class Profiler:
    """Adds up the processor time of all threads, by parts.

    A sample is taken after each ``SAMPLE_SECONDS`` of processor time. The time that a thread has
    used since the last sample counts for what it is doing now.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._is_running = False
        self._main = threading.main_thread().ident
        self._clocks: dict[int, float] = {}  # of each thread, at the last sample

    def toggle(self, *_signal: object) -> None:
        """Start or stop sampling."""
        self._is_running = not self._is_running
        interval = SAMPLE_SECONDS if self._is_running else 0
        self._clocks = {thread: _used_by(thread) for thread in _threads()}
        signal.setitimer(signal.ITIMER_PROF, interval, interval)

    def take_sample(self, _signal: int, frame: FrameType | None) -> None:
        """Count the used time of each thread. Handles SIGPROF, in the main thread."""
        if not self._is_running:
            return  # a signal that arrived after the stop
        began = time.thread_time()
        for thread in _threads():
            used = _used_by(thread)
            since_last = used - self._clocks.setdefault(thread, used)
            stacks = self._stacks_of(thread, frame) if since_last else []
            for stack in stacks:
                self.seconds[part_of(stack)] += since_last / len(stacks)
            if stacks:
                self._clocks[thread] = used
        if self._main in self._clocks:  # leave out the time of the sample itself
            self._clocks[self._main] += time.thread_time() - began

    def _stacks_of(self, thread: int, frame: FrameType | None) -> list[Stack]:
        """Return the stacks that a thread works for; none while the main thread sleeps.

        The time of a sleeping main thread counts for what it does next. A thread of aiosqlite works
        for a waiting task, but for which one is unknown: all waiting tasks get a share.
        """
        if thread == self._main:
            stack = list(calls_from(frame))
            return [] if stack and _is_in(stack[0][0], (_SLEEPS,)) else [stack]
        stack = list(calls_from(sys._current_frames().get(thread)))  # noqa: SLF001
        if not any(_is_in(module, ("aiosqlite",)) for module, _code in stack):
            return [stack]
        stacks = [awaited_by(task) for task in asyncio.all_tasks()]
        waiting = [stack for stack in stacks if stack and _is_in(stack[0][0], _HANDS_OVER)]
        return waiting or [[]]


def _threads() -> list[int]:
    return [thread.ident for thread in threading.enumerate() if thread.ident]


def _used_by(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def calls_from(frame: FrameType | None) -> Iterator[Call]:
    """Yield the calls from this frame outwards, also from a greenlet of SQLAlchemy to its parent.

    Stop at the event loop, whose own work does not belong to its caller.
    """
    current = greenlet.getcurrent()
    while frame and frame.f_code.co_name != "run_forever":
        yield _module_of(frame), frame.f_code
        frame = frame.f_back
        if frame is None and current.parent:
            current = current.parent
            frame = current.gr_frame


def awaited_by(task: asyncio.Task[object]) -> Stack:
    """Return the stack of a suspended task."""
    outermost_first: Stack = []
    coroutine: object = task.get_coro()
    while isinstance(coroutine, CoroutineType) and coroutine.cr_frame:
        outermost_first.append((_module_of(coroutine.cr_frame), coroutine.cr_code))
        coroutine = coroutine.cr_await
    return outermost_first[::-1]


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def part_of(stack: Stack) -> str:
    """Return the part that this stack belongs to."""
    for module, code in stack:
        for name in (*_prefixes(f"{module}:{code.co_qualname}"), *_prefixes(module)):
            if part := _PART_BY_NAME.get(name):
                return part
    return EVENT_LOOP if stack and _is_in(stack[0][0], ("asyncio",)) else ELSEWHERE


def _prefixes(name: str) -> Iterator[str]:
    """Yield the name, then the name without its last component, and so on."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(name in packages for name in _prefixes(module))


def main() -> None:
    """Run the worker, and write the result when it has ended."""
    result = Path(sys.argv[1])
    profiler = Profiler()
    signal.signal(signal.SIGPROF, profiler.take_sample)
    signal.signal(signal.SIGUSR2, profiler.toggle)
    try:
        worker.main()
    finally:
        result.write_text(json.dumps(profiler.seconds))


if __name__ == "__main__":
    main()
