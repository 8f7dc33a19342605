from pathlib import Path

import pytest

from hookshop.webkit.settings import ConfigurationError
from subscriber_app.config import load_settings

VARIABLES = ("HOST", "PORT", "PUBLIC_URL", "DATABASE_URL", "SHOP_URL", "AUTO_REGISTER")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(f"SUBSCRIBER_{variable}", raising=False)
    monkeypatch.setenv("HOOKSHOP_VAR", str(tmp_path))


def test_the_defaults_keep_everything_below_var(tmp_path: Path) -> None:
    settings = load_settings()

    assert settings.base_url == "http://127.0.0.1:8001"
    assert settings.webhook_url == "http://127.0.0.1:8001/v1/new-purchase"
    assert settings.shop_url == "http://127.0.0.1:8000"
    assert settings.resolved_database_url == f"sqlite+aiosqlite:///{tmp_path}/subscriber.db"
    assert not settings.auto_register


def test_the_public_url_is_registered_with_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBSCRIBER_PUBLIC_URL", "https://subscriber.example/")

    assert load_settings().webhook_url == "https://subscriber.example/v1/new-purchase"


def test_browsers_find_the_shop_at_its_public_url(monkeypatch: pytest.MonkeyPatch) -> None:
    without = load_settings()
    monkeypatch.setenv("SUBSCRIBER_SHOP_PUBLIC_URL", "https://example.org/shop/")
    settings = load_settings()

    assert without.for_browsers("http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert settings.for_browsers("http://127.0.0.1:8000") == "https://example.org/shop"
    assert settings.for_browsers("http://127.0.0.1:8000/s/one") == "https://example.org/shop/s/one"
    assert settings.for_browsers("http://127.0.0.1:8000x") == "http://127.0.0.1:8000x"
    assert settings.for_browsers("https://shop.example") == "https://shop.example"


@pytest.mark.parametrize("on", ["1", "true"])
def test_it_registers_automatically_if_set(on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBSCRIBER_AUTO_REGISTER", on)

    assert load_settings().auto_register


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("foo", "must name an SQLite file"),
        ("sqlite+aiosqlite://", "must name an SQLite file"),
        ("sqlite:///:memory:", "must name an SQLite file"),
        ("postgresql://u:hunter2@db/subscriber", "must name an SQLite file"),
        ("postgresql://u:hunter2@db:port/subscriber", "must name an SQLite file"),
        ("sqlite:///subscriber.db?sslmode=require", "must not have options"),
        ("sqlite://subscriber.db", "needs three slashes"),
        ("sqlite:////tmp", "names a folder"),
        ("sqlite:///a%00b", "must not contain %00"),
    ],
)
def test_a_database_that_is_no_file_of_sqlite_is_refused_with_the_reason(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBSCRIBER_DATABASE_URL", url)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    line = str(caught.value)
    assert line.startswith("SUBSCRIBER_DATABASE_URL=…: ")
    assert reason in line
    assert "hunter2" not in line


def test_both_spellings_of_a_file_of_sqlite_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("sqlite", "sqlite+aiosqlite"):
        monkeypatch.setenv("SUBSCRIBER_DATABASE_URL", f"{scheme}:////srv/books.db")

        assert load_settings().resolved_database_url == "sqlite+aiosqlite:////srv/books.db"


@pytest.mark.parametrize("variable", ["SUBSCRIBER_SHOP_URL", "SUBSCRIBER_AUTO_REGISTER"])
def test_a_wrong_setting_is_reported_in_one_line_that_names_it(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "perhaps")

    with pytest.raises(ConfigurationError, match=f"^{variable}=perhaps: .*$"):
        load_settings()
