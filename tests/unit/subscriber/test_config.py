from pathlib import Path

import pytest

from subscriber_app.config import ConfigurationError, load_settings

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


def test_the_public_url_is_where_the_shop_is_told_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBSCRIBER_PUBLIC_URL", "https://subscriber.example/")

    assert load_settings().webhook_url == "https://subscriber.example/v1/new-purchase"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(f"SUBSCRIBER_{variable}", "")

    assert load_settings().base_url == "http://127.0.0.1:8001"


@pytest.mark.parametrize("on", ["1", "true"])
def test_it_registers_by_itself_when_told_to(on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBSCRIBER_AUTO_REGISTER", on)

    assert load_settings().auto_register


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SUBSCRIBER_PORT", "http"),
        ("SUBSCRIBER_PORT", "0"),
        ("SUBSCRIBER_PORT", "65536"),
        ("SUBSCRIBER_PUBLIC_URL", "subscriber.example"),
        ("SUBSCRIBER_SHOP_URL", "ftp://shop.example"),
        ("SUBSCRIBER_AUTO_REGISTER", "perhaps"),
        ("SUBSCRIBER_SHOP_URL", "http://shop.example/?a=b"),
        ("SUBSCRIBER_PUBLIC_URL", "http://subscriber.example/#top"),
        ("SUBSCRIBER_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line_that_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{variable}={value}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("foo", "must name a file of SQLite"),
        ("sqlite+aiosqlite://", "must name a file of SQLite"),
        ("sqlite:///:memory:", "must name a file of SQLite"),
        ("postgresql://u:hunter2@db/subscriber", "must name a file of SQLite"),
        ("postgresql://u:hunter2@db:port/subscriber", "must name a file of SQLite"),
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


@pytest.mark.parametrize("variable", ["SUBSCRIBER_ADMIN_TOKEN", "SUBSCRIBER_SHOP_TOKEN"])
def test_a_token_that_no_header_can_carry_is_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "pässword of some length")

    with pytest.raises(ConfigurationError, match=f"^{variable}=…: .*ASCII"):
        load_settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::"])
def test_other_machines_are_let_in_only_with_an_admin_token(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBSCRIBER_HOST", host)

    with pytest.raises(ConfigurationError, match="SUBSCRIBER_ADMIN_TOKEN") as refused:
        load_settings()

    assert "\n" not in str(refused.value)
    monkeypatch.setenv("SUBSCRIBER_ADMIN_TOKEN", "correct horse battery")
    assert load_settings().host == host


@pytest.mark.parametrize("variable", ["SUBSCRIBER_ADMIN_TOKEN", "SUBSCRIBER_DATABASE_URL"])
def test_what_may_hold_a_password_is_never_quoted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "too short")
    monkeypatch.setenv("SUBSCRIBER_PORT", "0")

    with pytest.raises(ConfigurationError, match="SUBSCRIBER_PORT") as refused:
        load_settings()

    assert "too short" not in str(refused.value)
