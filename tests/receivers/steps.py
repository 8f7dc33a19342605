"""The receivers of docs/teaching, step by step, as programs that tests start."""

import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.demo import ROOT, clean_environment, free_ports
from tests.receivers.running import STOP_SECONDS, Receiver, is_listening
from tests.waiting import wait_for

PAGES = ROOT / "docs" / "teaching"
FOLDER = PAGES / "receivers"
LANGUAGES = {"python": ".py", "node": ".mjs"}
BEGINNING = 2  # the mission in which a learner starts the program that begins wrong


@dataclass(frozen=True, slots=True)
class Step:
    """The program after a mission. ``mission``: its number."""

    language: str
    mission: int
    path: Path

    @property
    def command(self) -> list[str]:
        return [sys.executable if self.language == "python" else "node", str(self.path)]


def steps_of(language: str) -> list[Step]:
    """Return the steps in their order: first the program that begins wrong."""
    folder, suffix = FOLDER / language, LANGUAGES[language]
    later = sorted(folder.glob(f"mission_*{suffix}"))
    return [
        Step(language, BEGINNING, folder / f"receiver{suffix}"),
        *(Step(language, int(path.stem.split("_")[1]), path) for path in later),
    ]


def why_not(language: str) -> str | None:
    """Return why programs in this language cannot start here, or None."""
    if language == "node" and not shutil.which("node"):
        return "node is not installed here"
    return None


def step_after(language: str, mission: int) -> Step:
    """Return the last step up to this mission, or skip the test."""
    if reason := why_not(language):
        pytest.skip(reason)
    return [step for step in steps_of(language) if step.mission <= mission][-1]


def environment_of_step(port: int, secret: str) -> dict[str, str]:
    own = {"PORT": str(port), "WEBHOOK_SECRET": secret}
    return clean_environment() | own


@contextmanager
def running_step(step: Step, secret: str) -> Iterator[Receiver]:
    """Run the program until the block ends, in a folder of its own, which is empty."""
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="step-") as temporary:
        log = Path(temporary) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                step.command,
                cwd=temporary,
                env=environment_of_step(port, secret),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            receiver = Receiver(
                str(step.path), f"http://127.0.0.1:{port}/hook", secret, process, log
            )
            wait_for(lambda: is_listening(receiver, port), f"{step.path.name} listens")
            yield receiver
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def diff(before: Step, after: Step) -> str:
    """Return the lines that change, as in a ```diff block."""
    old, new = (step.path.read_text().splitlines() for step in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]  # without the file names
    return "\n".join("@@" if line.startswith("@@") else line for line in lines)


def with_current_diffs(page: str, language: str) -> str:
    """Return the page of a language with the diff of each step below its link, as it is now."""
    steps = steps_of(language)
    for before, after in pairwise(steps):
        block = f"```diff\n{diff(before, after)}\n```"
        link = rf"\]\(receivers/{language}/{re.escape(after.path.name)}\)"
        found = re.findall(rf"{link}.*?(```diff\n.*?\n```)", page, flags=re.DOTALL)
        assert len(found) == 1, f"{after.path.name} needs one link and one diff in the page"
        page = page.replace(found[0], block)
    return page


def main() -> None:
    """Write the current diffs into the pages: python -m tests.receivers.steps."""
    for language in LANGUAGES:
        page = PAGES / f"{language}.md"
        page.write_text(with_current_diffs(page.read_text(), language))


if __name__ == "__main__":
    main()
