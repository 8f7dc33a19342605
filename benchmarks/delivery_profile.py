"""``make profile``: the worker's processor time per delivery, by parts, in milliseconds.

It is measured twice: in a burst, where a worker sends many deliveries at once, and on the whole
path, where orders arrive one by one. The table in ``profiled_worker`` maps modules to parts.
"""

import argparse
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipeline import idle_pipeline, prepare_dataset, running_sink
from benchmarks.processes import exit_on_sigterm
from benchmarks.profiled_worker import ELSEWHERE, EVENT_LOOP, PARTS
from benchmarks.progress import show
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.systems import HOOKSHOP, running_system
from benchmarks.whole_path import WARM_UP, order_and_book

CUSTOMERS = 16
LABEL_WIDTH, COLUMN_WIDTH = 18, 26


@dataclass(frozen=True, slots=True)
class Profile:
    """``seconds``: the worker's processor time for all deliveries, by parts."""

    situation: str
    deliveries: int
    seconds: Mapping[str, float]

    def cell(self, part: str | None) -> str:
        """Return milliseconds per delivery and share of the total. ``part``: None for the total."""
        whole = sum(self.seconds.values())
        seconds = whole if part is None else self.seconds.get(part, 0)
        share = seconds / whole * 100 if whole else 0
        return f"{seconds / self.deliveries * 1000:.3f} ms {share:3.0f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    """Take both profiles and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery_profile")
    parser.add_argument("--quick", action="store_true", help="use tiny numbers, as a check")
    sizes = QUICK if parser.parse_args(arguments).quick else FULL
    with tempfile.TemporaryDirectory(prefix="hookshop-profile-") as folder:
        profiles = [in_a_burst(sizes, Path(folder)), on_the_whole_path(sizes, Path(folder))]
    show("")
    print(*as_table(profiles), sep="\n")


def in_a_burst(sizes: Sizes, var: Path) -> Profile:
    """Profile one worker that sends waiting deliveries."""
    result = var / "burst.json"
    with running_sink() as sink:
        show("profile: placing orders")
        dataset = prepare_dataset(var / "burst", [f"{sink}/hook"], sizes.backlog)
        show("profile: a burst")
        with idle_pipeline(dataset, var / "round", workers=1, worker=_worker(result)) as pipeline:
            os.kill(pipeline.workers[0], signal.SIGUSR2)
            pipeline.release_burst()
            os.kill(pipeline.workers[0], signal.SIGUSR2)
    return Profile(f"burst of {sizes.backlog:,}", sizes.backlog, json.loads(result.read_text()))


def on_the_whole_path(sizes: Sizes, var: Path) -> Profile:
    """Profile a worker while customers order through the API and the subscriber books."""
    result = var / "whole-path.json"
    with running_system(HOOKSHOP, var / "whole-path", worker=_worker(result)) as system:
        order_and_book(system, WARM_UP, customers=CUSTOMERS)
        show("profile: the whole path")
        system.processes["worker"].send_signal(signal.SIGUSR2)
        order_and_book(system, sizes.whole_path, customers=CUSTOMERS)
        system.processes["worker"].send_signal(signal.SIGUSR2)
    title = f"{sizes.whole_path:,} by {CUSTOMERS} customers"
    return Profile(title, sizes.whole_path, json.loads(result.read_text()))


def as_table(profiles: Sequence[Profile]) -> Iterator[str]:
    """Return the lines for a terminal."""
    yield "The worker's processor time for one delivery, by parts"
    yield _line("", [profile.situation for profile in profiles])
    for part in (*PARTS, EVENT_LOOP, ELSEWHERE):
        yield _line(part, [profile.cell(part) for profile in profiles])
    yield _line("all together", [profile.cell(None) for profile in profiles])


def _line(label: str, cells: Sequence[str]) -> str:
    return f"  {label:<{LABEL_WIDTH}}" + "".join(f"{cell:>{COLUMN_WIDTH}}" for cell in cells)


def _worker(result: Path) -> tuple[str, str]:
    return ("benchmarks.profiled_worker", str(result))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
