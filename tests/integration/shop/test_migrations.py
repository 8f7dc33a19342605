"""Old databases are migrated; databases that this version cannot use are refused."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, text
from sqlmodel import func, select

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.migrations import WrongSchema
from shop.config import Settings
from shop.database import counters
from shop.database.bound_sandbox import MAIN_NUMBER, bound_to
from shop.database.migrations import MIGRATIONS, NEWEST
from shop.database.migrations.versions import r0006_url_keys
from shop.database.models import Endpoint, ShopTable
from shop.database.transactions import Database
from shop.sandboxes import registry as sandboxes
from shop.vocabulary import DeliveryState
from shop.webhooks.endpoints import registry as endpoints_registry
from shop.webhooks.endpoints.registry import AlreadyRegistered, NewEndpoint
from shop.webhooks.queries.deliveries import read_stats
from shop.webhooks.queries.sales import Sales, read_sales
from shop.webhooks.rules.urls import parse_url
from tests import postgres
from tests.conftest import ON_POSTGRES
from tests.integration.shop.conftest import ROOT
from tests.integration.shop.sandbox_conditions import SANDBOX_TABLES, TABLES

Result = TypeVar("Result")
MAX_WAIT_SECONDS = 60
ORDER = """
    INSERT INTO shop_order (id, customer_name, total_cents, created_at)
    VALUES ('ord_1', 'Ada', 1250, '2026-11-23 12:00:30+00:00')
"""
REFUNDED_ORDER = """
    INSERT INTO shop_order (id, customer_name, total_cents, created_at, refunded_at)
    VALUES ('ord_2', 'Bob', 400, '2026-11-23 12:00:30+00:00', '2026-11-23 12:03:20+00:00')
"""
ENDPOINT = """
    INSERT INTO endpoint (id, webhook_url, description, event_types, status, failed_deliveries,
        failed_attempts, places, created_at)
    VALUES ('ep_1', 'http://127.0.0.1:9001/', '', '[]', 'active', 0, 0, 20,
        '2026-11-23 12:00:00+00:00')
"""
MESSAGE = """
    INSERT INTO message (id, event_type, order_id, body, created_at)
    VALUES ('msg_1', 'purchase.created', 'ord_1', '', '2026-11-23 12:00:30+00:00')
"""
DELIVERY = """
    INSERT INTO delivery (id, message_id, endpoint_id, event_type, state, attempt_count,
        waits_since, next_trigger, fence, created_at)
    VALUES ('dlv_1', 'msg_1', 'ep_1', 'purchase.created', 'succeeded', 1,
        '2026-11-23 12:00:30+00:00', 'automatic', 1, '2026-11-23 12:00:30+00:00')
"""
ATTEMPT = """
    INSERT INTO attempt (delivery_id, number, endpoint_id, trigger, started_at, duration_ms,
        request_url, request_headers, response_status, response_truncated)
    VALUES ('dlv_1', 1, 'ep_1', 'automatic', '2026-11-23 12:01:10+00:00', 7,
        'http://127.0.0.1:9001/', '{}', 204, false)
"""


@pytest.fixture
def empty_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if not ON_POSTGRES:
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    with postgres.empty_database() as url:
        yield url


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.close()


async def run(database: Database, work: Callable[[Connection], Result]) -> Result:
    async with database.writing() as session:
        return await (await session.connection()).run_sync(work)


async def test_the_migrations_lead_to_the_tables_of_the_models(empty: Database) -> None:
    await empty.migrate()

    assert await run(empty, differences) == []


def differences(connection: Connection) -> list[Any]:
    assert counters.OrderTally.metadata is ShopTable.metadata
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    with warnings.catch_warnings():
        # Of indexes on expressions; their names are compared below.
        warnings.filterwarnings("ignore", ".*expression-based index", Warning)
        found = [*compare_metadata(context, ShopTable.metadata)]
    return found + sorted(names_of_indexes(ShopTable.metadata) - stored_names(connection))


def names_of_indexes(metadata: MetaData) -> set[str]:
    return {str(index.name) for table in metadata.tables.values() for index in table.indexes}


def stored_names(connection: Connection) -> set[str]:
    query = "SELECT indexname FROM pg_indexes" if ON_POSTGRES else "SELECT name FROM sqlite_master"
    return set(connection.execute(text(query)).scalars())


def test_the_last_migration_is_the_newest_version() -> None:
    versions = MIGRATIONS.versions
    steps = ScriptDirectory(str(versions.parent), version_locations=[str(versions)])

    assert steps.get_heads() == [NEWEST]


async def test_a_database_of_the_first_version_is_upgraded_and_keeps_what_it_holds(
    empty: Database,
) -> None:
    def fill(connection: Connection) -> None:
        MIGRATIONS.upgrade(connection, to="r0001")
        for statement in (ORDER, REFUNDED_ORDER, ENDPOINT, MESSAGE, DELIVERY, ATTEMPT):
            connection.execute(text(statement))

    await run(empty, fill)

    await empty.migrate()

    async with empty.reading() as session:
        stats = await read_stats(session)
        minutes = await session.exec(text("SELECT minute, reason, amount FROM attempt_tally"))  # type: ignore[call-overload]
        attempts = [tuple(row) for row in minutes]
        refunded_later = await read_sales(session, since=datetime(2026, 11, 23, 12, 1, tzinfo=UTC))
    assert stats.sales == Sales(orders=2, gross_cents=1650, refunded_cents=400)
    assert refunded_later == Sales(orders=0, gross_cents=0, refunded_cents=400)
    assert stats.deliveries[DeliveryState.SUCCEEDED] == 1
    minute = int(datetime(2026, 11, 23, 12, 1, tzinfo=UTC).timestamp()) // 60
    assert attempts == [(minute, "", 1)]
    assert await run(empty, MIGRATIONS.read_version) == NEWEST


SPELLINGS = [  # the only one for another receiver is last
    "http://LOCALHOST:9001/hook",
    "http://localhost:9001/hook",
    "HTTP://localhost:9001/hook",
    "http://localhost.:9001/hook",
    "http://localhost:09001/hook",
    "http://localhost:9001/hook#",
    "http://localhost:9001/hook#top",
    "http://localhost:9001/hook?",
]


async def test_of_several_spellings_in_an_old_database_the_first_one_counts(
    empty: Database, settings: Settings
) -> None:
    await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to="r0005"))
    await run(empty, hold_endpoints(["http://127.0.0.1.:9001/hook", *SPELLINGS]))

    await empty.migrate()

    async with empty.reading() as session:
        endpoints = {one.id: one for one in (await session.exec(select(Endpoint))).all()}
    first, *later, other = [endpoints[f"ep_{number}"] for number in range(1, 9)]
    assert endpoints["ep_0"].url_key is None  # unused
    assert first.url_key == "http://localhost:9001/hook"
    assert [endpoint.url_key for endpoint in later] == [None] * 6
    assert other.url_key == "http://localhost:9001/hook?"
    assert await conflict(empty, settings, "http://localhost:9001/hook") == "ep_2"
    assert await conflict(empty, settings, "http://localhost:009001/hook") == "ep_1"


async def test_a_later_spelling_still_conflicts_when_the_first_one_is_deleted(
    empty: Database, settings: Settings
) -> None:
    await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to="r0005"))
    await run(empty, hold_endpoints(SPELLINGS[:2]))
    await empty.migrate()
    await run(empty, lambda connection: connection.execute(text(DELETE_FIRST_ENDPOINT)))

    assert await conflict(empty, settings, "http://localhost.:9001/hook") == "ep_1"


@given(
    scheme=st.sampled_from(["http", "HTTPS", "hTTp"]),
    host=st.sampled_from(["localhost", "LOCALHOST.", "a.example", "[::1]", "[0::1]", "8.8.8.8"]),
    port=st.sampled_from(["", ":80", ":0443", ":9001", ":009001"]),
    target=st.sampled_from(["", "/", "?", "/?", "?a#", "/%7E/../x?y=%2F", "/x#y?z", "#", "/@:"]),
)
def test_the_migration_makes_the_keys_that_registration_makes(
    scheme: str, host: str, port: str, target: str
) -> None:
    url = f"{scheme}://{host}{port}{target}"

    assert r0006_url_keys.url_key(url) == parse_url(url).key


DELETE_FIRST_ENDPOINT = """
    UPDATE endpoint SET deleted_at = '2026-11-23 13:00:00+00:00' WHERE id = 'ep_0'
"""


def hold_endpoints(urls: list[str]) -> Callable[[Connection], None]:
    """Add an endpoint at each URL to an old database: ep_0, ep_1 …, in this order."""

    def insert(connection: Connection) -> None:
        statement = text(
            ENDPOINT.replace("'ep_1'", ":id").replace("'http://127.0.0.1:9001/'", ":url")
        )
        for number, url in enumerate(urls):
            connection.execute(statement, {"id": f"ep_{number}", "url": url})

    return insert


async def conflict(database: Database, settings: Settings, url: str) -> str:
    """Return the id of the endpoint that conflicts with a registration."""
    with pytest.raises(AlreadyRegistered) as refused:
        async with database.writing() as session:
            await endpoints_registry.register(
                session,
                NewEndpoint(url),
                policy=settings.url_policy,
                encryption=Encryption.open(settings.secrets_key_file),
                now=datetime.now(UTC),
            )
    return refused.value.endpoint_id


async def test_migrating_twice_changes_nothing(empty: Database) -> None:
    await empty.migrate()
    await run(empty, lambda connection: connection.execute(text(ORDER)))
    await empty.migrate()

    async with empty.reading() as session:
        assert (await read_stats(session)).orders == 1


async def test_processes_that_start_at_once_do_not_get_in_each_others_way(empty_url: str) -> None:
    programs = [start("shop.database.migrations", empty_url) for _ in range(3)]

    assert [program.wait(timeout=MAX_WAIT_SECONDS) for program in programs] == [0, 0, 0]
    for program in programs:
        assert "up to date" in program.communicate()[0]


@pytest.mark.sqlite("the file's journal is switched, which two cannot do at a time")
async def test_a_new_file_that_another_process_writes_to_is_waited_for(
    empty: Database, empty_url: str
) -> None:
    other = sqlite3.connect(empty_url.removeprefix("sqlite+aiosqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the busy timeout does not apply to this

    starting = asyncio.create_task(empty.create_tables())
    done, _ = await asyncio.wait([starting], timeout=0.1)
    assert not done
    other.close()

    await starting
    assert await run(empty, MIGRATIONS.read_version) == NEWEST


@pytest.mark.parametrize("module", ["shop", "shop.worker", "shop.database.migrations"])
async def test_a_database_of_a_newer_version_is_refused_in_one_line(
    module: str, empty: Database, empty_url: str
) -> None:
    await empty.migrate()
    await run(empty, set_version("r9999"))

    assert refusal(module, empty_url) == (
        f"{module}: the database is of a newer version (r9999) than this program ({NEWEST}): "
        "start the newer program"
    )


@pytest.mark.parametrize("module", ["shop", "shop.worker", "shop.database.migrations"])
async def test_a_database_from_before_the_first_release_is_refused_in_one_line(
    module: str, empty: Database, empty_url: str
) -> None:
    await empty.migrate()
    await run(empty, lambda connection: connection.execute(text("DROP TABLE alembic_version")))

    assert "before the first release" in refusal(module, empty_url)
    with pytest.raises(WrongSchema):
        await empty.create_tables()


@pytest.mark.postgres("files of SQLite are upgraded when a process starts")
@pytest.mark.parametrize("module", ["shop", "shop.worker"])
@pytest.mark.parametrize("version", [None, "r0001"])
async def test_an_older_postgresql_database_is_not_upgraded_automatically(
    module: str, version: str | None, empty: Database, empty_url: str
) -> None:
    if version:
        await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to=version))

    assert refusal(module, empty_url).endswith("run make migrate")
    assert await run(empty, MIGRATIONS.read_version) == version


@pytest.mark.sqlite("on PostgreSQL make migrate does it")
async def test_an_older_file_is_upgraded_when_a_process_starts(
    empty: Database, settings: Settings
) -> None:
    await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to="r0001"))

    await empty.create_tables()

    assert await run(empty, MIGRATIONS.read_version) == NEWEST
    assert settings.database_url is None


def set_version(version: str) -> Callable[[Connection], Any]:
    statement = text(f"UPDATE alembic_version SET version_num = '{version}'")
    return lambda connection: connection.execute(statement)


def refusal(module: str, url: str) -> str:
    """Return the one line that a program prints if it cannot start."""
    program = start(module, url)
    output, _ = program.communicate(timeout=MAX_WAIT_SECONDS)
    assert program.returncode == 2, output
    [line] = output.splitlines()
    return line


def start(module: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "SHOP_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.sqlite("the database of the version before is a file of SQLite")
async def test_all_rows_of_the_last_version_without_sandboxes_are_in_main(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.executescript((OLD_FILES / "shop_r0010.sql").read_text())
        query = "SELECT count(*) FROM {}"
        later = {"clock", "exam", "refused_registration"}
        old_tables = [table for table in TABLES if table not in later]
        before = {
            table: connection.execute(query.format(table)).fetchone()[0] for table in old_tables
        }
    connection.close()
    database = Database(f"sqlite+aiosqlite:///{file}")

    await database.migrate()

    in_main = await counts(database, MAIN_NUMBER)
    in_sandbox = await counts(database, await new_sandbox(database))
    await database.close()
    assert min(before.values()) > 0
    # The switch is off after an upgrade.
    assert in_main == {**before, "steady_orders": 0, **dict.fromkeys(later, 0)}
    assert in_sandbox == dict.fromkeys(TABLES, 0)


OLD_FILES = Path(__file__).parents[2] / "data" / "upgrade"


async def counts(database: Database, number: int) -> dict[str, int]:
    """Return the number of rows in each table that a session of this sandbox sees."""
    tables = {table.__table__.name: table for table in SANDBOX_TABLES}
    with bound_to(number):
        async with database.reading() as session:
            return {
                name: (await session.exec(select(func.count()).select_from(tables[name]))).one()
                for name in TABLES
            }


async def new_sandbox(database: Database) -> int:
    now = datetime.now(UTC)
    async with database.writing() as session:
        made = await sandboxes.create(
            session,
            sandbox_id="lesson-7",
            token_hash=None,
            expires_at=now + timedelta(hours=1),
            settings={},
            limit=1,
            now=now,
        )
    assert made.number
    return made.number
