"""Every process refuses an invalid setting with one line that names it, and exit code 2."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo import ROOT, clean_environment, free_ports
from tests.integration.shop.conftest import process
from tests.waiting import wait_for

SECRET = "hunter2"
OF_THE_SHOP = ("shop", "shop.worker", "shop.database.migrations", "hookshop.demo")


def start(module: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a process that should end by itself."""
    ports = dict(zip(("SHOP_PORT", "SUBSCRIBER_PORT"), map(str, free_ports(2)), strict=True))
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=clean_environment() | {"HOOKSHOP_VAR": str(folder)} | ports | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(module: str, folder: Path, **settings: str) -> str:
    """Return the one line that a process prints before it exits with 2."""
    ended = start(module, folder, **settings)
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert SECRET not in line
    return line


@pytest.mark.parametrize("module", OF_THE_SHOP)
def test_wrong_settings_of_the_shop_stop_each_of_its_processes(module: str, tmp_path: Path) -> None:
    wrong = {
        "SHOP_DATABASE_URL": f"postgresql://u:{SECRET}@db/shop?sslmode=sometimes",
        "SHOP_REDIS_URL": "localhost:6379",
        "SHOP_ADMIN_TOKEN": "ein pässliches Wort",
    }

    line = refusal(module, tmp_path, **wrong)

    assert all(f"{variable}=…: " in line for variable in wrong)


def test_wrong_settings_of_the_subscriber_stop_it(tmp_path: Path) -> None:
    wrong = {
        "SUBSCRIBER_DATABASE_URL": f"postgresql://u:{SECRET}@db/subscriber",
        "SUBSCRIBER_SHOP_TOKEN": "ein pässliches Wort",
        "SUBSCRIBER_SECRETS_KEY": SECRET,
        "SUBSCRIBER_ADMIN_TOKEN": "ein pässliches Wort",
    }

    line = refusal("subscriber_app", tmp_path, **wrong)

    assert all(f"{variable}=…: " in line for variable in wrong)


@pytest.mark.parametrize(
    ("module", "variable"),
    [
        ("shop", "SHOP_DATABASE_URL"),
        ("shop.worker", "SHOP_DATABASE_URL"),
        ("shop.database.migrations", "SHOP_DATABASE_URL"),
        ("subscriber_app", "SUBSCRIBER_DATABASE_URL"),
    ],
)
def test_a_file_that_is_not_a_database_is_refused(
    module: str, variable: str, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Eggs, milk, and a new fishing rod. " * 50)

    line = refusal(module, tmp_path, **{variable: f"sqlite:///{file}"})

    assert line == f"{module}: {variable}: the database cannot be used: file is not a database"


@pytest.mark.parametrize(
    "module", ["shop", "shop.worker", "shop.database.migrations", "subscriber_app"]
)
def test_a_var_that_cannot_be_a_folder_is_refused(module: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    line = refusal(module, file / "var")

    assert line.startswith(f"{module}: HOOKSHOP_VAR={file / 'var'}: cannot use ")


@pytest.mark.parametrize(
    ("module", "variable"),
    [("shop", "SHOP_DATABASE_URL"), ("subscriber_app", "SUBSCRIBER_DATABASE_URL")],
)
def test_a_database_in_a_folder_that_cannot_be_created_is_refused(
    module: str, variable: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()

    line = refusal(module, tmp_path / "var", **{variable: f"sqlite:///{file}/books.db"})

    assert line.startswith(f"{module}: {variable}: cannot use {file}")


@pytest.mark.parametrize(("module", "prefix"), [("shop", "SHOP"), ("subscriber_app", "SUBSCRIBER")])
@pytest.mark.parametrize("host", ["256.256.256.256", "198.51.100.7", "a..b"])
def test_a_host_that_is_no_address_of_this_machine_is_refused(
    module: str, prefix: str, host: str, tmp_path: Path
) -> None:
    own = {f"{prefix}_HOST": host, f"{prefix}_ADMIN_TOKEN": "correct horse battery"}

    line = refusal(module, tmp_path, **own)

    assert line.startswith(f"{module}: {prefix}_HOST={host}, {prefix}_PORT=")


@pytest.mark.parametrize(("module", "prefix"), [("shop", "SHOP"), ("subscriber_app", "SUBSCRIBER")])
def test_a_taken_port_is_not_a_wrong_setting(module: str, prefix: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = start(module, tmp_path, **{f"{prefix}_PORT": str(other.getsockname()[1])})

    assert ended.returncode not in {0, 2}
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_of_any_name_holds_database_and_socket(tmp_path: Path) -> None:
    var = tmp_path / "a b?c%41"
    with process("shop.worker", **clean_environment(), HOOKSHOP_VAR=str(var)):
        wait_for((var / "shop.db").exists, "the worker has made its database there")
