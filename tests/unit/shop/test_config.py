from pathlib import Path

import pytest

from hookshop.redis_socket import private_redis_socket
from hookshop.webkit.settings import ConfigurationError
from shop.config import load_settings
from shop.web.pages import page_environment
from shop.webhooks.rules.url_policy import PublicPath


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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SHOP_RETRY_SCHEDULE", "whenever"),
        ("SHOP_REQUEST_TIMEOUT_SECONDS", "0"),
        ("SHOP_ENDPOINT_POLICY", "open"),
        ("SHOP_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("SHOP_RETRY_SCHEDULE", "0,nan"),
        ("SHOP_RETRY_SCHEDULE", "0,,5"),
        ("SHOP_REQUEST_TIMEOUT_SECONDS", "nan"),
        ("SHOP_DISABLE_AFTER_FAILURES", "-1"),
        ("SHOP_RETENTION_DAYS", "0"),
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


def test_a_socket_path_too_long_for_the_kernel_moves_to_a_short_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)

    socket = private_redis_socket(deep)

    assert len(bytes(socket)) <= 103  # the limit of macOS; that of Linux is 107
    assert private_redis_socket(deep) == socket  # every process uses the same one


def test_the_shop_knows_the_addresses_by_which_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_PUBLIC_URL", "https://Shop.example.com")

    policy = load_settings().url_policy

    assert policy.own_addresses == (("127.0.0.1", 8000), ("shop.example.com", 443))


def test_under_a_path_the_shop_has_its_host_for_that_path_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_PUBLIC_URL", "https://Example.org/hookshop/")

    policy = load_settings().url_policy

    assert policy.own_addresses == (("127.0.0.1", 8000),)
    assert policy.public_path == PublicPath("example.org", 443, "/hookshop")


def test_the_header_leads_to_the_subscriber_if_the_shop_knows_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = page_environment(load_settings())
    monkeypatch.setenv("SHOP_SUBSCRIBER_URL", "https://subscriber.example/")
    beside = page_environment(load_settings())

    assert alone.from_string("{{ header_links(none) }}").render() == "[]"
    links = beside.from_string("{{ header_links(none) | join(' ') }}").render()
    assert "https://subscriber.example/learn" in links
