"""At rest: what the demo uses while idle, and how long it takes to start.

The baseline is the bare receiver: Python with a web server and nothing else.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.processes import free_port, memory_mb, responds, running, wait_until
from benchmarks.progress import show
from benchmarks.report import Comparison, Figure, Report
from benchmarks.sizes import Sizes

DEMO, BARE = "the demo", "the bare receiver"
SETTLE_SECONDS = 5
# Targets, for all processes together.
MAX_MB, MAX_PERCENT, MAX_START_SECONDS = 350, 3, 4
# Process names by a part of the command line; the first match counts.
NAMES = {
    "shop.worker": "worker",
    "hookshop.demo": "supervisor",
    "subscriber_app": "subscriber",
    "redis": "Redis",
    "valkey": "Redis",
    "-m shop": "shop",
}


@dataclass(frozen=True, slots=True)
class IdleUsage:
    """What an idle program uses. ``memory``: MB by process. ``percent``: of one core."""

    memory: dict[str, float]
    percent: float


def measure(sizes: Sizes, var: Path) -> Report:
    """Measure seconds to start, megabytes, and the percentage of a core."""
    show("rest: the first start")
    with started(_demo, var / "rest") as (_process, first_start):
        pass
    starts: dict[str, list[float]] = {DEMO: [], BARE: []}
    rests: dict[str, list[IdleUsage]] = {DEMO: [], BARE: []}
    for number in range(sizes.rounds):
        for name, program in ((DEMO, _demo), (BARE, _bare)):
            show(f"rest: round {number + 1} of {sizes.rounds}, {name}")
            with started(program, var / "rest") as (process, seconds):
                starts[name].append(seconds)
                rests[name].append(_idle_usage(process, sizes))
    return Report(
        f"At rest, nobody looking: {sizes.idle_seconds:g} s; median of {sizes.rounds}",
        [
            Figure("first start", "s", [first_start]),
            Figure(
                "second start",
                "s",
                starts[DEMO],
                (Comparison(f"start of {BARE}"),),
                MAX_START_SECONDS,
            ),
            Figure(f"start of {BARE}", "s", starts[BARE], is_hidden=True),
            *_memory(rests),
            Figure(
                "processor, all together",
                "%",
                [rest.percent for rest in rests[DEMO]],
                at_most=MAX_PERCENT,
            ),
            Figure(f"processor of {BARE}", "%", [rest.percent for rest in rests[BARE]]),
        ],
        ["Memory is resident memory: what processes share is counted for each of them."],
    )


def _memory(rests: Mapping[str, Sequence[IdleUsage]]) -> Iterator[Figure]:
    def figure(
        label: str, of: Callable[[IdleUsage], float], at_most: float | None = None
    ) -> Figure:
        return Figure(label, "MB", [of(rest) for rest in rests[DEMO]], comparisons, at_most)

    bare = f"memory of {BARE}"
    comparisons = (Comparison(bare),)
    for name in rests[DEMO][0].memory:
        yield figure(f"memory: {name}", lambda rest, name=name: rest.memory[name])  # type: ignore[misc]
    yield figure("memory: all together", lambda rest: sum(rest.memory.values()), MAX_MB)
    yield Figure(bare, "MB", [sum(rest.memory.values()) for rest in rests[BARE]], is_hidden=True)


@contextmanager
def started(
    program: Callable[[Path], tuple[list[str], dict[str, str], list[str]]], var: Path
) -> Iterator[tuple[psutil.Process, float]]:
    """Start a program, and yield it with the seconds until all of its URLs responded."""
    arguments, environment, addresses = program(var)
    begun = time.perf_counter()
    with running(*arguments, **environment) as process:
        for address in addresses:
            wait_until(lambda address=address: responds(address), f"{address} responds")  # type: ignore[misc]
        yield psutil.Process(process.pid), time.perf_counter() - begun


def _demo(var: Path) -> tuple[list[str], dict[str, str], list[str]]:
    shop, subscriber = free_port(), free_port()
    environment = {
        "HOOKSHOP_VAR": str(var),
        "SHOP_PORT": str(shop),
        "SUBSCRIBER_PORT": str(subscriber),
    }
    addresses = [f"http://127.0.0.1:{port}/healthz" for port in (shop, subscriber)]
    return ["hookshop.demo"], environment, addresses


def _bare(_var: Path) -> tuple[list[str], dict[str, str], list[str]]:
    port = free_port()
    return ["benchmarks.sink", str(port)], {}, [f"http://127.0.0.1:{port}/count"]


def _idle_usage(process: psutil.Process, sizes: Sizes) -> IdleUsage:
    time.sleep(min(SETTLE_SECONDS, sizes.idle_seconds))
    family = [process, *process.children(recursive=True)]
    before, begun = _processor_seconds(family), time.perf_counter()
    time.sleep(sizes.idle_seconds)
    used = (_processor_seconds(family) - before) / (time.perf_counter() - begun)
    return IdleUsage({_name(each): memory_mb(each.pid) for each in family}, used * 100)


def _processor_seconds(family: Sequence[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _name(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((name for part, name in NAMES.items() if part in command), process.name())
