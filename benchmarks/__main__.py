"""``make bench``: runs the measurements with their baselines, and reports what misses its target.

``python -m benchmarks burst growth`` runs only these two. ``--quick`` uses tiny numbers, to check
that everything runs. The results go to the terminal and, with every sample, into a JSON file.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import (
    backlog,
    burst,
    comeback,
    fan_out,
    growth,
    latency,
    machines,
    orders,
    receipts,
    rest,
    whole_path,
)
from benchmarks.processes import exit_on_sigterm
from benchmarks.progress import show
from benchmarks.report import Report
from benchmarks.sizes import FULL, QUICK, Sizes

MEASUREMENTS: dict[str, Callable[[Sizes, Path], Report]] = {
    "rest": rest.measure,
    "latency": latency.measure,
    "whole-path": whole_path.measure,
    "machines": machines.measure,
    "orders": orders.measure,
    "receipts": receipts.measure,
    "fan-out": fan_out.measure,
    "burst": burst.measure,
    "backlog": backlog.measure,
    "comeback": comeback.measure,
    "growth": growth.measure,
}
RESULT = Path("var") / "benchmarks.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen measurements."""
    chosen = _parser().parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    document: dict[str, Any] = {**_environment(), "quick": chosen.quick, "measurements": {}}
    with tempfile.TemporaryDirectory(prefix="hookshop-bench-") as folder:
        for name in chosen.names or MEASUREMENTS:
            started = time.monotonic()
            report = MEASUREMENTS[name](sizes, Path(folder))
            show("")
            print(*report.as_table(), sep="\n", end="\n\n", flush=True)
            costs = {"seconds": round(time.monotonic() - started, 1), "load": os.getloadavg()[0]}
            document["measurements"][name] = report.as_document() | costs
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps(document, indent=2, ensure_ascii=False))
    print(f"Every sample is in {chosen.json}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="use tiny numbers, as a check")
    parser.add_argument("--json", type=Path, default=RESULT, help=f"default: {RESULT}")
    return parser


def _environment() -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
    }


if __name__ == "__main__":
    exit_on_sigterm()
    main()
