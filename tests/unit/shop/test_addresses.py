"""Parsing database and Redis URLs, and errors that do not quote their passwords."""

from pathlib import Path

import pytest
from redis.asyncio.connection import SSLConnection

from hookshop.webkit.settings import ConfigurationError
from shop.config import Settings, load_settings
from shop.database import database_url
from shop.redis import address
from shop.redis.address import connection_pool

SECRET = "hunter2"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_scheme_of_postgresql_is_understood(scheme: str) -> None:
    url = f"{scheme}://shop:p%40ss@db.internal:5433/hookshop"

    assert database_url.normalize(url) == (
        "postgresql+asyncpg://shop:p%40ss@db.internal:5433/hookshop"
    )


@pytest.mark.parametrize(
    "mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
)
@pytest.mark.parametrize("option", ["ssl", "sslmode"])
def test_sslmode_is_handed_to_asyncpg_by_its_own_name(option: str, mode: str) -> None:
    url = database_url.normalize(f"postgres://db/hookshop?{option}={mode}")

    assert url == f"postgresql+asyncpg://db/hookshop?ssl={mode}"


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
def test_both_spellings_of_a_file_of_sqlite_are_understood(scheme: str, tmp_path: Path) -> None:
    assert database_url.normalize(f"{scheme}:///{tmp_path}/my shop.db") == (
        f"sqlite+aiosqlite:///{tmp_path}/my shop.db"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("foo", "must be sqlite:"),
        ("://", "must be sqlite:"),
        ("mysql://db/hookshop", "must be sqlite:"),
        ("postgresql+psycopg://db/hookshop", "must be sqlite:"),
        ("postgresql://db:port/hookshop", "must be sqlite:"),
        (f"postgresql://u:{SECRET}@[::1/hookshop", "must be sqlite:"),
        ("postgresql://db:99999/hookshop", "must have a port from 1 to 65535"),
        ("postgresql://a..b/hookshop", "must have a host name"),
        ("postgresql://db/hookshop?sslmode=maybe", "must have one of disable, allow"),
        ("postgresql://db/hookshop?ssl=true", "must have one of disable, allow"),
        ("postgresql://db/hookshop?ssl=allow&sslmode=require", "must not have both"),
        ("postgresql://db/hookshop?sslmode=allow&sslmode=require", "must not have ssl twice"),
        ("postgresql://db/hookshop?sslrootcert=/ca.pem", "set PGSSLROOTCERT instead"),
        (f"postgresql://db/hookshop?{SECRET}=1", "has an unknown option"),
        (
            "postgresql://db/hookshop?prepared_statement_cache_size=x",
            "has options that contradict each other",
        ),
        ("postgresql://db/hook%00shop", "must not contain %00"),
        ("sqlite+aiosqlite://", "must name an SQLite file"),
        ("sqlite://", "must name an SQLite file"),
        ("sqlite+aiosqlite:///:memory:", "must name an SQLite file"),
        ("sqlite+aiosqlite:///file:shop.db?uri=true", "must not have options"),
        ("sqlite+aiosqlite:////tmp", "must name a file, but names a folder"),
        ("sqlite://shop.db", "needs three slashes"),
    ],
)
def test_a_database_that_the_shop_cannot_use_is_refused_with_the_reason(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused("SHOP_DATABASE_URL", url, reason, monkeypatch)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:6379", "must start with redis://, rediss:// or unix://"),
        ("http://localhost:6379", "must start with redis://, rediss:// or unix://"),
        ("redis:/localhost", "must start with redis://, rediss:// or unix://"),
        (f"redis://:{SECRET}@localhost:99999", "with a port from 1 to 65535"),
        ("redis://localhost:http", "with a port from 1 to 65535"),
        ("redis://localhost:0", "must have a port from 1 to 65535"),
        ("redis://[::1", "must have a host"),
        ("redis://a..b", "must have a host name"),
        ("redis://localhost/first", "must end with the number of a database"),
        ("redis://localhost/0/1", "must end with the number of a database"),
        (f"redis://localhost/0?{SECRET}=1", "has an option"),
        ("redis://localhost?db=first", "has an option"),
        ("rediss://localhost?ssl_cert_reqs=perhaps", "has an option"),
        ("unix://", "must have three slashes"),
        ("unix://run/redis.sock", "must have three slashes"),
        (f"unix:///{'d' * 107}", "must have a path of at most 107 bytes"),
    ],
)
def test_a_redis_that_cannot_be_connected_to_is_refused_with_the_reason(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused("SHOP_REDIS_URL", url, reason, monkeypatch)


def assert_refused(variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    line = str(caught.value)
    assert line.startswith(f"{variable}=…: ")
    assert reason in line
    assert SECRET not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://host/", {"host": "host"}),
        ("redis://host", {"host": "host"}),
        (
            "redis://:p%40ss@host:7000/2",
            {"host": "host", "port": 7000, "db": 2, "password": "p@ss"},
        ),
        ("redis://u%40:p@host/1", {"host": "host", "db": 1, "username": "u@", "password": "p"}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
        ("redis://host?db=3", {"host": "host", "db": 3}),
        ("unix:///run/a%20b.sock?db=1", {"path": "/run/a b.sock", "db": 1}),
        ("REDIS://host", {"host": "host"}),
    ],
)
def test_an_address_of_redis_means_what_redis_py_says_it_means(
    url: str, options: dict[str, object]
) -> None:
    assert address.check(url) == url
    assert connection_pool(url).connection_kwargs == options


def test_rediss_is_redis_over_tls() -> None:
    url = address.check("rediss://host?ssl_cert_reqs=none")

    assert connection_pool(url).connection_class is SSLConnection


@pytest.mark.parametrize("name", ["a b", "a?b", "a#b", "a%41b", "ä"])
def test_the_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    settings = Settings(HOOKSHOP_VAR=tmp_path / name)  # type: ignore[call-arg]

    assert connection_pool(settings.resolved_redis_url).connection_kwargs == {
        "path": str(tmp_path / name / "redis.sock")
    }
    assert database_url.normalize(settings.resolved_database_url).endswith("shop.db")
