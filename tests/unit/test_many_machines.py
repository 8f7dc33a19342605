"""What is needed to run on many machines: units, a Compose file, and the docs about them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from sqlalchemy.pool import QueuePool

from shop.config import Settings as ShopSettings
from shop.database import postgresql
from tests.documents import ROOT, code_block, page
from tests.unit.test_documentation import SETTINGS

DEPLOY = ROOT / "deploy"
OPERATIONS = page("operations")
VARIABLE = re.compile(r"\b(?:HOOKSHOP|SHOP|SUBSCRIBER)_[A-Z_]+\b")
PYTHON = "/opt/hookshop/.venv/bin/python"


def units() -> dict[str, str]:
    """Return each unit by its file name."""
    return {path.name: path.read_text() for path in sorted(DEPLOY.glob("systemd/*.service"))}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_the_docs_give_the_right_number_of_connections() -> None:
    pools = {
        engine.sync_engine: cast(QueuePool, engine.sync_engine.pool)
        for engine in postgresql.open_engines("postgresql+asyncpg://db/shop")
    }
    most = sum(pool.size() + pool._max_overflow for pool in pools.values())  # noqa: SLF001

    assert re.findall(r"(\d+)\s+connections\b", OPERATIONS) == [str(most)]


def test_every_variable_is_a_setting() -> None:
    texts = [OPERATIONS, *units().values()]

    assert set(VARIABLE.findall("".join(texts))) <= SETTINGS


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
@pytest.mark.parametrize("name", units())
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name.replace("@.", "@8000.")  # a template unit is verified as an instance
    unit.write_text(units()[name].replace(PYTHON, sys.executable))

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("name", units())
def test_a_unit_runs_one_of_our_processes_and_gives_up_on_wrong_settings(name: str) -> None:
    unit = units()[name]

    [module] = re.findall(rf"^ExecStart={PYTHON} -m (\S+)$", unit, flags=re.MULTILINE)
    assert module in {"shop", "shop.worker"}
    assert "RestartPreventExitStatus=2\n" in unit


def test_compose_runs_two_of_each_on_one_database_and_one_redis() -> None:
    shop, worker = services()["shop"], services()["worker"]

    assert shop["command"] == "python -m shop"
    assert worker["command"] == "python -m shop.worker"
    for service in (shop, worker):
        assert service["deploy"]["replicas"] == 2
        assert set(service["environment"]) <= SETTINGS
        assert set(service["depends_on"]) <= set(services())
    assert shop["environment"] == worker["environment"]


def test_both_examples_share_the_keys_between_machines() -> None:
    keys = code_block(OPERATIONS, "sh", "generate_key")
    environment = code_block(OPERATIONS, "sh", "SHOP_DATABASE_URL=")
    for variable in ("SHOP_SECRETS_KEY", "SHOP_SESSION_KEY"):
        assert variable in keys
        assert f"{variable}=" in environment
        assert variable in services()["shop"]["environment"]


def test_the_commands_for_keys_make_keys_that_the_settings_accept() -> None:
    commands = code_block(OPERATIONS, "sh", "generate_key").splitlines()
    keys = {}
    for command in commands:
        call, _, variable = command.partition("  # ")
        program = [sys.executable, *shlex.split(call)[1:]]
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        keys[variable.strip()] = done.stdout.strip()

    settings = ShopSettings(
        secrets_key=keys["SHOP_SECRETS_KEY"], session_key=keys["SHOP_SESSION_KEY"]
    )

    assert settings.secrets_key


def test_every_metric_that_is_named_exists() -> None:
    told = (ROOT / "shop" / "webhooks" / "queries" / "metrics.py").read_text()
    told += (ROOT / "subscriber_app" / "receiving" / "metrics.py").read_text()

    for name in re.findall(
        r"`hookshop_(?:subscriber_)?([a-z_]+?)(?:_total)?(?:\{[a-z,]+\})?`", OPERATIONS
    ):
        assert name in told
