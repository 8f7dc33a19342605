"""On which database the shop is tested: SQLite, or PostgreSQL under ``make test-postgres``."""

import os
from collections.abc import Iterator

import pytest

from tests import postgres

ON_POSTGRES = bool(os.environ.get(postgres.VARIABLE))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite(reason): about SQLite only, and why")
    config.addinivalue_line("markers", "postgres(reason): about PostgreSQL only, and why")


def pytest_runtest_setup(item: pytest.Item) -> None:
    other = item.get_closest_marker("sqlite" if ON_POSTGRES else "postgres")
    if other:
        pytest.skip(f"{other.name} only: {other.args[0]}")


@pytest.fixture(scope="session")
def shop_template() -> Iterator[str | None]:
    """The name of a database to copy; None for SQLite, which makes its files by itself."""
    if not ON_POSTGRES:
        yield None
        return
    with postgres.migrated_template() as name:
        yield name


@pytest.fixture
def shop_database_url(shop_template: str | None) -> Iterator[str | None]:
    """A database of the test's own; None: the file of SQLite that is the default."""
    if shop_template is None:
        yield None
        return
    with postgres.copy_of(shop_template) as url:
        yield url
