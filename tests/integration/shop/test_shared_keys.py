"""Machines with one database share their keys by settings, without a common folder."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from litestar.testing import AsyncTestClient

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.settings import ConfigurationError
from shop.app import create_app
from shop.config import Settings, load_settings
from tests.integration.shop.browsing import Shop, register
from tests.integration.shop.conftest import ROOT, TEST_HOST
from tests.pages import Visitor

TOKEN = "correct horse battery"
SECRETS_KEY = Fernet.generate_key().decode()
SESSION_KEY = "k" * 32


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two web processes with separate folders and one database."""
    async with AsyncExitStack() as running:
        clients = []
        for name in ("one", "two"):
            settings = Settings(
                HOOKSHOP_VAR=tmp_path / name,  # type: ignore[call-arg]
                database_url=f"sqlite+aiosqlite:///{tmp_path}/shop.db",
                admin_token=TOKEN,
                secrets_key=SECRETS_KEY,
                session_key=SESSION_KEY,
                allowed_hosts=(TEST_HOST,),
            )
            client = await running.enter_async_context(AsyncTestClient(create_app(settings)))
            clients.append(client)
        yield clients[0], clients[1]


def key_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.key"))


async def test_a_session_of_one_machine_is_valid_on_the_other(
    machines: tuple[Shop, Shop], tmp_path: Path
) -> None:
    one, other = machines
    logged_in = await Visitor(one).submit("/login", admin_token=TOKEN)
    other.cookies.update(one.cookies)

    page = await Visitor(other).get("/deliveries")
    token = (await Visitor(one).get("/")).values["_csrf_token"][0]
    item = {"_csrf_token": token, "product_id": "mug", "quantity": "1"}
    form_of_the_first = await other.post("/cart/items", data=item, follow_redirects=False)

    assert logged_in.status == 303
    assert page.status == 200
    assert form_of_the_first.status_code == 303
    assert key_files(tmp_path) == []


def test_a_secret_encrypted_on_one_machine_is_decrypted_on_the_other(tmp_path: Path) -> None:
    key = Settings(secrets_key=SECRETS_KEY).secrets_key
    one, other = (Encryption.open(tmp_path / name / "secrets.key", key) for name in ("one", "two"))

    assert other.decrypt(one.encrypt("whsec_secret")) == "whsec_secret"
    assert key_files(tmp_path) == []


def test_the_key_of_the_file_can_be_set_instead(tmp_path: Path) -> None:
    file = tmp_path / "secrets.key"
    locked = Encryption.open(file).encrypt("whsec_secret")

    moved = Settings(secrets_key=file.read_text())

    assert Encryption.open(tmp_path / "none", moved.secrets_key).decrypt(locked) == "whsec_secret"


@pytest.mark.parametrize("variable", ["SHOP_SECRETS_KEY", "SHOP_SESSION_KEY"])
def test_a_wrong_key_is_refused_in_one_line_that_does_not_show_it(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "too-short-a-secret")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{variable}=…: ")
    assert "too-short" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_worker_with_another_key_does_not_start(
    shop: Shop, settings: Settings, redis_url: str
) -> None:
    await register(shop)
    environment = {
        "HOOKSHOP_VAR": str(settings.var),
        "SHOP_DATABASE_URL": settings.resolved_database_url,
        "SHOP_REDIS_URL": redis_url,
        "SHOP_SECRETS_KEY": SECRETS_KEY,
    }
    command = [sys.executable, "-m", "shop.worker"]

    ended = subprocess.run(  # noqa: ASYNC221 – nothing else runs meanwhile
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert "SHOP_SECRETS_KEY" in ended.stderr
    assert SECRETS_KEY not in ended.stderr
    assert "Traceback" not in ended.stderr
