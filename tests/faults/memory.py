"""The current and the peak memory of a process (Linux)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

MEBIBYTE = 1024 * 1024


def resident_mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / MEBIBYTE


@contextmanager
def watching_memory(process: psutil.Process) -> Iterator[Callable[[], float]]:
    """Yield a function that returns the peak growth of memory since the start, in MiB."""
    proc = Path("/proc") / str(process.pid)
    if not proc.exists():
        pytest.skip("the peak of a process's memory is read from /proc, as on Linux")
    (proc / "clear_refs").write_text("5")  # reset the peak, see proc(5)
    before = resident_mib(process)

    def growth() -> float:
        (peak,) = (
            line.split()[1]
            for line in (proc / "status").read_text().splitlines()
            if line.startswith("VmHWM:")
        )
        return int(peak) / 1024 - before

    yield growth
