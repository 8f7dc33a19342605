"""Runs all tests: ``python -m tests.stages``, for ``make test``.

Two lanes run in parallel. The tests in the faults folder mostly wait for leases and timeouts, so
they hardly slow down the other lane. The browser tests are a separate pytest run, because the event
loops of Playwright and pytest-asyncio exclude each other.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

# One more than cores: the tests wait for other processes for a third of their time.
# Browsers are busy all the time.
WORKERS = str((os.cpu_count() or 1) + 1)
PYTEST = (sys.executable, "-m", "pytest", "--numprocesses")
ELSEWHERE = ("--ignore=tests/e2e", "--ignore=tests/faults", "--ignore=tests/benchmarks")
IN_PROCESS = ((*PYTEST, WORKERS, *ELSEWHERE),)
FAULTS = ((*PYTEST, "2", "--dist", "loadfile", "-m", "not long", "tests/faults"),)
IN_A_BROWSER = (
    (sys.executable, "-m", "tests.browser"),
    (*PYTEST, "auto", "--dist", "loadfile", "tests/e2e"),
)


def main() -> None:
    """Exit with 1 if any test has failed. The terminal sends Ctrl-C to every process."""
    with tempfile.TemporaryFile() as output, ThreadPoolExecutor(1) as beside:
        faults = beside.submit(_succeeds, FAULTS, output)
        passed = [_succeeds(IN_PROCESS), _succeeds(IN_A_BROWSER), faults.result()]
        output.seek(0)
        sys.stdout.write(output.read().decode(errors="replace"))
    sys.exit(not all(passed))


def _succeeds(commands: Sequence[Sequence[str]], output: IO[bytes] | None = None) -> bool:
    """Run commands until one fails. Return whether all succeeded."""
    return all(
        subprocess.run(command, stdout=output, stderr=output, check=False).returncode == 0
        for command in commands
    )


if __name__ == "__main__":
    main()
