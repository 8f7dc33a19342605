import os
from pathlib import Path

import pytest

from shop.config import ConfigurationError, load_settings, private_redis_socket


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("SHOP_PORT", "SHOP_HOST", "SHOP_PUBLIC_URL", "SHOP_REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOOKSHOP_VAR", str(tmp_path))


def test_the_defaults_keep_everything_below_var(tmp_path: Path) -> None:
    settings = load_settings()

    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.resolved_database_url == f"sqlite+aiosqlite:///{tmp_path}/shop.db"
    assert settings.resolved_redis_url == f"unix://{tmp_path}/redis.sock"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PUBLIC_URL", "")
    monkeypatch.setenv("SHOP_PORT", "")

    assert load_settings().base_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SHOP_PORT", "http"),
        ("SHOP_PORT", "65536"),
        ("SHOP_PUBLIC_URL", "shop.example"),
        ("SHOP_RETRY_SCHEDULE", "whenever"),
        ("SHOP_REQUEST_TIMEOUT_SECONDS", "0"),
        ("SHOP_ENDPOINT_POLICY", "open"),
        ("SHOP_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("SHOP_PUBLIC_URL", "https://shop.example/?a=b"),
        ("SHOP_PUBLIC_URL", "https://shop.example/#top"),
        ("SHOP_RETRY_SCHEDULE", "0,nan"),
        ("SHOP_RETRY_SCHEDULE", "0,,5"),
        ("SHOP_REQUEST_TIMEOUT_SECONDS", "nan"),
        ("SHOP_DISABLE_AFTER_FAILURES", "-1"),
        ("SHOP_RETENTION_DAYS", "0"),
        ("SHOP_LOG_FORMAT", "xml"),
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


def test_a_value_of_two_lines_is_shown_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PORT", "80\n81")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert str(caught.value).startswith(r"SHOP_PORT=80\n81: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SHOP_HOST", "SHOP_SESSION_KEY", "HOOKSHOP_VAR"])
def test_a_value_that_is_no_utf_8_is_refused(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, os.fsdecode(b"\xff" * 40))

    with pytest.raises(ConfigurationError, match=f"^{variable}=.*: must be UTF-8$"):
        load_settings()


@pytest.mark.parametrize(
    "token", ["pässword of some length", "sixteen characters ", "sixteen characters\t!"]
)
def test_an_admin_token_that_no_header_can_carry_is_refused(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_ADMIN_TOKEN", token)

    with pytest.raises(ConfigurationError, match=r"^SHOP_ADMIN_TOKEN=…: .*ASCII") as refused:
        load_settings()

    assert token not in str(refused.value)


def test_a_socket_path_too_long_for_the_kernel_moves_to_a_short_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)

    socket = private_redis_socket(deep)

    assert len(bytes(socket)) <= 103  # the kernel of macOS takes no more, that of Linux 107
    assert private_redis_socket(deep) == socket  # every process finds the same one


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "shop.example"])
def test_other_machines_are_let_in_only_with_an_admin_token(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HOST", host)

    with pytest.raises(ConfigurationError, match="SHOP_ADMIN_TOKEN") as refused:
        load_settings()

    assert "\n" not in str(refused.value)
    monkeypatch.setenv("SHOP_ADMIN_TOKEN", "correct horse battery")
    assert load_settings().host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_needs_no_admin_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOST", host)

    assert load_settings().admin_token is None


def test_a_refused_admin_token_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_ADMIN_TOKEN", "too short")

    with pytest.raises(ConfigurationError, match="SHOP_ADMIN_TOKEN") as refused:
        load_settings()

    assert "too short" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("192.168.1.7", "http://192.168.1.7:8000"),
    ],
)
def test_the_shop_calls_itself_by_an_address_that_leads_there(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HOST", host)
    monkeypatch.setenv("SHOP_ADMIN_TOKEN", "correct horse battery")

    assert load_settings().base_url == url


def test_the_shop_knows_the_addresses_by_which_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_PUBLIC_URL", "https://Shop.example.com")

    policy = load_settings().url_policy

    assert policy.own_places == (("127.0.0.1", 8000), ("shop.example.com", 443))
