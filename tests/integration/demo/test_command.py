"""``hookshop demo`` runs on free ports, from any folder, and tells a program its addresses."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from hookshop.locations import program_environment
from tests.demo import START_SECONDS, STOP_SECONDS, clean_environment

HOOKSHOP = (sys.executable, "-P", "-m", "hookshop")
ANY_PORTS = ("--shop-port", "0", "--subscriber-port", "0")


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """A folder of another project, with names that are Hookshop's, too."""
    for name in ("shop", "static", "templates"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("raise SystemExit('a foreign shop')")
    return tmp_path


@contextmanager
def started(*words: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the command. Its standard error is the file ``log`` in the folder."""
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*HOOKSHOP, *words],
            cwd=folder,
            env=program_environment(clean_environment()),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process


def test_the_demo_prints_one_line_for_programs_and_serves_from_a_foreign_folder(
    foreign_folder: Path,
) -> None:
    with started("demo", *ANY_PORTS, "--var", "mine", "--json", folder=foreign_folder) as demo:
        assert demo.stdout
        facts = json.loads(demo.stdout.readline())
        pages = [httpx.get(facts[name]) for name in ("shop_url", "subscriber_url")]
        style = httpx.get(f"{facts['shop_url']}/static/css/base.css")
        demo.terminate()
        rest, _ = demo.communicate(timeout=STOP_SECONDS)

    assert facts.keys() == {"shop_url", "subscriber_url", "var"}
    assert [page.status_code for page in (*pages, style)] == [200, 200, 200]
    assert Path(facts["var"]) == foreign_folder / "mine"
    assert (foreign_folder / "mine" / "shop.db").exists()
    assert (demo.returncode, rest) == (0, "")
    assert "everything has stopped" in (foreign_folder / "log").read_text()


def test_the_demo_ends_when_the_program_that_started_it_has_ended(foreign_folder: Path) -> None:
    with started("demo", *ANY_PORTS, "--var", "mine", "--json", folder=foreign_folder) as demo:
        assert demo.stdout
        demo.stdout.close()

        assert demo.wait(timeout=START_SECONDS) == 0

    assert "everything has stopped" in (foreign_folder / "log").read_text()


def test_a_taken_port_is_refused_naming_the_option_and_a_free_port(foreign_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with started("demo", "--subscriber-port", port, folder=foreign_folder) as demo:
            demo.wait(timeout=START_SECONDS)

    assert demo.returncode == 2
    [line] = (foreign_folder / "log").read_text().splitlines()
    assert line.startswith(f"Port {port} is taken. Choose another: hookshop demo --subscriber-port")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--shop-port", "eighty"), "'eighty' is not a valid integer"),
        (("--shop-port", "65536"), "65536 is not in the range 0<=x<=65535"),
        (("--var", "/dev/null/var"), "HOOKSHOP_VAR=/dev/null/var cannot be used"),
        (("--shop-port", "8010", "--subscriber-port", "8010"), "must differ; both are 8010"),
    ],
)
def test_a_wrong_option_is_refused(words: tuple[str, ...], line: str, foreign_folder: Path) -> None:
    with started("demo", *words, folder=foreign_folder) as demo:
        output, _ = demo.communicate(timeout=START_SECONDS)

    assert (demo.returncode, output) == (2, "")
    assert line in (foreign_folder / "log").read_text()
