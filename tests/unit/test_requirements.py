"""requirements.txt, which ``make demo`` installs, lists everything that the programs import."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("shop.__main__", "shop.worker", "hookshop.demo.run", "subscriber_app.__main__")
# Imports the programs as on a machine without these packages.
IMPORT_WITHOUT = """
import importlib, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
for program in sys.argv[2:]:
    importlib.import_module(program)
"""


def names_in(requirements: str) -> set[str]:
    text = (ROOT / requirements).read_text()
    return {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_programs_need_nothing_that_only_developers_install() -> None:
    for_developers = names_in("requirements-dev.txt") - names_in("requirements.txt")
    absent = [
        package
        for package, distributions in packages_distributions().items()
        if {_plain(each) for each in distributions} <= for_developers
    ]
    command = [sys.executable, "-c", IMPORT_WITHOUT, ",".join(absent), *PROGRAMS]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "pytest" in absent
    assert done.returncode == 0, done.stderr
