"""The settings of any web application, tested with a separate application."""

import os
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic_settings import SettingsConfigDict

from hookshop.webkit.settings import (
    BearerToken,
    ConfigurationError,
    Port,
    ServerSettings,
    Url,
    read_environment,
)


class Settings(ServerSettings):
    model_config = SettingsConfigDict(env_prefix="PARCELS_")

    APP: ClassVar = "parcels"
    HIDDEN_FIELDS: ClassVar = ServerSettings.HIDDEN_FIELDS | {"peer_token"}

    port: Port = 8100
    peer_url: Url = "http://127.0.0.1:9000"
    peer_token: BearerToken | None = None


def read() -> Settings:
    return read_environment(Settings)


@pytest.fixture(autouse=True)
def _var(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOOKSHOP_VAR", str(tmp_path))


def test_the_defaults_keep_everything_below_var(tmp_path: Path) -> None:
    settings = read()

    assert settings.base_url == settings.local_url == "http://127.0.0.1:8100"
    assert settings.resolved_database_url == f"sqlite+aiosqlite:///{tmp_path}/parcels.db"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PARCELS_PUBLIC_URL", "PARCELS_PORT", "PARCELS_PEER_URL"):
        monkeypatch.setenv(variable, "")

    assert read().base_url == "http://127.0.0.1:8100"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PARCELS_PORT", "http"),
        ("PARCELS_PORT", "0"),
        ("PARCELS_PORT", "65536"),
        ("PARCELS_PUBLIC_URL", "parcels.example"),
        ("PARCELS_PUBLIC_URL", "https://parcels.example/?a=b"),
        ("PARCELS_PUBLIC_URL", "https://parcels.example/#top"),
        ("PARCELS_PEER_URL", "ftp://peer.example"),
        ("PARCELS_LOG_FORMAT", "xml"),
        ("PARCELS_ALLOWED_HOSTS", "https://parcels.example"),
        ("PARCELS_ALLOWED_HOSTS", "parcels.example:8000"),
        ("PARCELS_ALLOWED_HOSTS", "*"),
        ("PARCELS_ALLOWED_HOSTS", "parcels..example"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line_that_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError) as caught:
        read()

    assert str(caught.value).startswith(f"{variable}={value}: ")
    assert "\n" not in str(caught.value)


def test_allowed_hosts_are_names_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELS_PUBLIC_URL", "https://parcels.example")
    monkeypatch.setenv("PARCELS_ALLOWED_HOSTS", "Parcels.internal, bücher.example.,")

    assert read().own_hosts == {
        "127.0.0.1",
        "parcels.example",
        "parcels.internal",
        "xn--bcher-kva.example",
    }


def test_a_value_of_two_lines_is_shown_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELS_PORT", "80\n81")

    with pytest.raises(ConfigurationError) as caught:
        read()

    assert str(caught.value).startswith(r"PARCELS_PORT=80\n81: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variable", ["PARCELS_HOST", "PARCELS_SESSION_KEY", "HOOKSHOP_VAR"])
def test_a_value_that_is_no_utf_8_is_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, os.fsdecode(b"\xff" * 40))

    with pytest.raises(ConfigurationError, match=f"^{variable}=.*: must be UTF-8$"):
        read()


@pytest.mark.parametrize("variable", ["PARCELS_ADMIN_TOKEN", "PARCELS_PEER_TOKEN"])
@pytest.mark.parametrize(
    "token", ["pässword of some length", "sixteen characters ", "sixteen characters\t!"]
)
def test_a_token_that_no_header_can_carry_is_refused_and_not_quoted(
    variable: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, token)

    with pytest.raises(ConfigurationError, match=f"^{variable}=…: .*ASCII") as refused:
        read()

    assert token not in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "parcels.example"])
def test_other_machines_need_an_admin_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELS_HOST", host)

    with pytest.raises(ConfigurationError, match="PARCELS_ADMIN_TOKEN") as refused:
        read()

    assert "\n" not in str(refused.value)
    monkeypatch.setenv("PARCELS_ADMIN_TOKEN", "correct horse battery")
    assert read().host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_needs_no_admin_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELS_HOST", host)

    assert read().admin_token is None


@pytest.mark.parametrize("variable", ["PARCELS_ADMIN_TOKEN", "PARCELS_SESSION_KEY"])
def test_a_password_is_never_quoted(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "too short")
    monkeypatch.setenv("PARCELS_PORT", "0")

    with pytest.raises(ConfigurationError, match="PARCELS_PORT") as refused:
        read()

    assert f"{variable}=…" in str(refused.value)
    assert "too short" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8100"),
        ("::", "http://127.0.0.1:8100"),
        ("::1", "http://[::1]:8100"),
        ("192.168.1.7", "http://192.168.1.7:8100"),
    ],
)
def test_an_application_calls_itself_by_an_address_that_leads_there(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELS_HOST", host)
    monkeypatch.setenv("PARCELS_ADMIN_TOKEN", "correct horse battery")

    assert read().base_url == url
