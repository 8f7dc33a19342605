"""The shop's test database: SQLite, or PostgreSQL with ``make test-postgres``."""

import gc
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
from jinja2 import Environment

from hookshop.testing.plugin import DEMO
from hookshop.webkit import pages
from subscriber_app.database.transactions import Database as SubscriberDatabase
from tests import postgres
from tests.compiled_templates import CompiledTemplates
from tests.demo import settings_for_tests
from tests.shared_apps import SharedApps

ON_POSTGRES = bool(os.environ.get(postgres.VARIABLE))
# Garbage collection took a quarter of the processor time with Python's own (700, 10, 10).
GARBAGE_THRESHOLDS = (50_000, 20, 100)


@pytest.hookimpl(trylast=True)  # after that of the plugin
def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # what Python loads now stays
    # On a busy machine, any example may take longer than the 200 ms that are usual.
    hypothesis.settings.register_profile("hookshop", deadline=None)
    hypothesis.settings.load_profile("hookshop")
    # A shell that runs the tests in the background ignores Ctrl-C for all that they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if demo := config.stash.get(DEMO, None):
        demo.environment = settings_for_tests()
    config.addinivalue_line("markers", "sqlite(reason): about SQLite only, and why")
    config.addinivalue_line("markers", "postgres(reason): about PostgreSQL only, and why")
    config.addinivalue_line(
        "markers", "one_database(reason): the kind of database does not matter, and why"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run only tests whose result may differ. On SQLite, run all."""
    if not ON_POSTGRES:
        return
    left_out = [item for item in items if item.get_closest_marker("one_database")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Collect garbage less often, and only among the objects of the tests."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    other = item.get_closest_marker("sqlite" if ON_POSTGRES else "postgres")
    if other:
        pytest.skip(f"{other.name} only: {other.args[0]}")


@pytest.fixture(scope="session", autouse=True)
def _compiled_templates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        environment = partial(Environment, bytecode_cache=CompiledTemplates())
        patch.setattr(pages, "Environment", environment)
        yield


@pytest.fixture(scope="session")
def shop_template() -> Iterator[str | None]:
    """Return the name of a database to copy; None on SQLite, which needs no template."""
    if not ON_POSTGRES:
        yield None
        return
    with postgres.migrated_template() as name:
        yield name


@pytest.fixture(scope="session")
def migrated_shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty SQLite file with the shop's tables. Copying it is faster than migrating."""
    file = tmp_path_factory.mktemp("template") / "shop.db"
    postgres.run_in_new_loop(postgres.migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_subscriber_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty SQLite file with the subscriber's tables."""
    file = tmp_path_factory.mktemp("template") / "subscriber.db"

    async def migrate() -> None:
        database = SubscriberDatabase(f"sqlite+aiosqlite:///{file}")
        await database.create_tables()
        await database.close()

    postgres.run_in_new_loop(migrate())
    return file


@pytest.fixture(scope="session")
def shared_apps(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_shop_file: Path,
    migrated_subscriber_file: Path,
) -> SharedApps:
    """Applications with SQLite files, for tests that need no special ones."""
    files = {"shop": migrated_shop_file, "subscriber": migrated_subscriber_file}
    return SharedApps(tmp_path_factory.mktemp("apps"), files)


@pytest.fixture(scope="session")
def _database_name() -> str:
    """Return the name of the test databases of this process, which exist one after the other."""
    return f"hookshop_{uuid4().hex}"


@pytest.fixture
def shop_database_url(shop_template: str | None, _database_name: str) -> Iterator[str | None]:
    """Return the URL of the test's own database; None for the default SQLite file."""
    if shop_template is None:
        yield None
        return
    with postgres.copy_of(shop_template, name=_database_name) as url:
        yield url
