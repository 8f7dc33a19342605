import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks.processes import ROOT
from tests.waiting import wait_for


def test_a_terminated_benchmark_leaves_no_process_behind(tmp_path: Path) -> None:
    command = ["-m", "benchmarks", "burst", "--quick", "--json", str(tmp_path / "figures.json")]
    benchmark = subprocess.Popen([sys.executable, *command], cwd=ROOT)
    itself = psutil.Process(benchmark.pid)
    children = wait_for(itself.children, "the benchmark has started something")

    benchmark.terminate()

    assert benchmark.wait(60) == 143
    assert not [child for child in children if child.is_running()]
