"""A process whose database is deleted under it says so and exits."""

import subprocess
import sys
from pathlib import Path

import pytest

from hookshop.webkit.sqlite import FileIdentity
from tests.demo import ROOT, clean_environment, free_ports
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about SQLite files")


@pytest.mark.parametrize(
    ("module", "file", "ready"),
    [
        ("shop", "shop.db", "Uvicorn running"),
        ("shop.worker", "shop.db", "Worker started"),
        ("subscriber_app", "subscriber.db", "Uvicorn running"),
    ],
)
def test_a_process_whose_database_file_is_gone_says_so_and_exits(
    module: str, file: str, ready: str, tmp_path: Path
) -> None:
    ports = dict(zip(("SHOP_PORT", "SUBSCRIBER_PORT"), map(str, free_ports(2)), strict=True))
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=clean_environment() | {"HOOKSHOP_VAR": str(tmp_path / "var")} | ports,
            stderr=errors,
        ) as process,
    ):
        wait_for(lambda: ready in log.read_text(), f"{module} runs")

        (tmp_path / "var" / file).unlink()

        try:
            assert process.wait(timeout=30) == 1
        finally:
            process.kill()
    assert f"{file} is gone" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_file_that_is_gone_before_anybody_looks_is_gone(tmp_path: Path) -> None:
    assert FileIdentity(tmp_path / "shop.db").is_gone()
