import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks.processes import ROOT
from tests.waiting import MAX_WAIT_SECONDS, wait_for


def test_a_terminated_benchmark_leaves_no_process_behind(tmp_path: Path) -> None:
    command = ["-m", "benchmarks", "burst", "--quick", "--json", str(tmp_path / "figures.json")]
    benchmark = subprocess.Popen([sys.executable, *command], cwd=ROOT)
    itself = psutil.Process(benchmark.pid)
    # Not ``uname``, which the standard library runs for a moment.
    children = wait_for(
        lambda: [child for child in itself.children() if child.name().startswith("python")],
        "the benchmark has started a program",
    )

    benchmark.terminate()

    assert benchmark.wait(60) == 143
    _ended, running = psutil.wait_procs(children, timeout=MAX_WAIT_SECONDS)
    assert running == []
