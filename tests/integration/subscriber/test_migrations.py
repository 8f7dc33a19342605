"""Old databases are migrated; databases that this version cannot use are refused."""

import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database.migrations import MIGRATIONS, NEWEST
from subscriber_app.database.models import SubscriberTable
from subscriber_app.database.transactions import Database
from subscriber_app.missions import progress
from subscriber_app.missions.facts import CaseFact, Check
from subscriber_app.missions.missions import MISSIONS
from subscriber_app.receiving.receipts import read_stats
from subscriber_app.shop_api.counting import read_counted
from subscriber_app.shop_api.held_secrets import read_keyring
from tests.integration.subscriber.conftest import encryption_of, running
from tests.integration.subscriber.signer import FORMER_SECRET, SECRET

Result = TypeVar("Result")
ROOT = Path(__file__).parents[3]
MAX_WAIT_SECONDS = 60


BOOKED = (
    """
    INSERT INTO receipt (id, received_at, duration_ms, verdict, headers, body, steps)
        VALUES ('rcp_1', '2026-11-23 12:00:00.000000', 1, 'accepted', '[]', '', '[]')
    """,
    "INSERT INTO handled_message VALUES ('msg_1', '', 'rcp_1')",
    """
    INSERT INTO purchase VALUES ('rcp_1', 'msg_1', 'purchase.created', 'evt_1', 'ord_1', 5075,
        '2026-11-23 12:00:00.000000', '2026-11-23 12:00:00.000000')
    """,
)
SUBSCRIPTION = """
    INSERT INTO subscription (endpoint_id, webhook_url, shop_url, event_types, secret, created_at)
        VALUES ('ep_1', 'http://127.0.0.1:8001/v1/new-purchase', 'http://127.0.0.1:8000',
            '["purchase.created"]', 'whsec_', '2026-11-23 11:00:00.000000')
"""

FORMER = f"""
    INSERT INTO former_secret (id, secret, endpoint_id, since, replaced_at, until)
        VALUES (1, '{FORMER_SECRET}', 'ep_1', '2026-11-23 10:00:00.000000',
            '2026-11-23 11:00:00.000000', '2026-11-24 11:00:00.000000')
"""


@pytest.fixture
async def empty(settings: Settings) -> AsyncIterator[Database]:
    """A database without tables."""
    database = Database(settings.resolved_database_url, encryption_of(settings))
    yield database
    await database.close()


async def run(database: Database, work: Callable[[Connection], Result]) -> Result:
    async with database.writing() as session:
        return await (await session.connection()).run_sync(work)


def do(statement: str) -> Callable[[Connection], Any]:
    return lambda connection: connection.execute(text(statement))


async def test_the_migrations_lead_to_the_tables_of_the_models(empty: Database) -> None:
    await empty.create_tables()

    def differences(connection: Connection) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # indexes on expressions are compared below
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            return list(compare_metadata(context, SubscriberTable.metadata))

    assert await run(empty, differences) == []
    stored = await run(empty, lambda connection: names(connection, "index"))
    modelled = {
        str(index.name)
        for table in SubscriberTable.metadata.tables.values()
        for index in table.indexes
    }
    assert modelled <= stored


async def test_all_triggers_of_the_counters_exist(empty: Database) -> None:
    await empty.create_tables()

    triggers = await run(empty, lambda connection: names(connection, "trigger"))

    assert triggers == {
        f"tally_{what}_{how}"
        for what in ("receipt", "reason", "purchase")
        for how in ("added", "deleted")
    } | {
        "tally_counted_added",
        "tally_counted_deleted",
        "tally_counting_begun",
        "tally_counting_begun_anew",
    }


def names(connection: Connection, kind: str) -> set[str]:
    query = text("SELECT name FROM sqlite_master WHERE type = :kind")
    return set(connection.execute(query, {"kind": kind}).scalars())


def test_the_last_migration_is_the_newest_version() -> None:
    versions = MIGRATIONS.versions
    steps = ScriptDirectory(str(versions.parent), version_locations=[str(versions)])

    assert steps.get_heads() == [NEWEST]


async def test_starting_again_changes_nothing(empty: Database) -> None:
    await empty.create_tables()
    await run(empty, do("INSERT INTO switched_off_defence VALUES ('signature')"))

    await empty.create_tables()

    kept = await run(
        empty, lambda connection: connection.execute(text("SELECT * FROM switched_off_defence"))
    )
    assert [tuple(row) for row in kept] == [("signature",)]


@pytest.mark.parametrize("is_subscribed", [True, False])
async def test_an_older_database_counts_money_from_its_upgrade_on_if_it_is_subscribed(
    is_subscribed: bool, empty: Database
) -> None:
    await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to="r0001"))
    for statement in (*BOOKED, SUBSCRIPTION)[: None if is_subscribed else -1]:
        await run(empty, do(statement))
    before = datetime.now(UTC)

    await empty.create_tables()

    async with empty.reading() as session:
        stats = await read_stats(session)
        counted = await read_counted(session)
    assert (stats.revenue_cents, stats.counted_cents) == (5075, 0)
    assert (counted is not None) is is_subscribed
    assert counted is None or before < counted.since == stats.counted_since


async def test_secrets_of_an_older_database_are_encrypted_and_leave_no_plain_text(
    settings: Settings,
) -> None:
    old = Database(settings.resolved_database_url)
    await run(old, lambda connection: MIGRATIONS.upgrade(connection, to="r0003"))
    for statement in (SUBSCRIPTION.replace("'whsec_'", f"'{SECRET}'"), FORMER):
        await run(old, do(statement))
    await run(
        old,
        do(
            "INSERT INTO former_secret (id, secret, since, replaced_at, until)"
            " SELECT 2, secret, since, since, since"
            " FROM former_secret"
        ),
    )
    await run(old, do("DELETE FROM former_secret WHERE id = 2"))
    await old.close()

    encryption = encryption_of(settings)
    upgraded = Database(settings.resolved_database_url, encryption)
    await upgraded.create_tables()

    async with upgraded.reading() as session:
        keyring = await read_keyring(session, encryption)
    assert [known.secret for known in keyring] == [SECRET, FORMER_SECRET]
    files = [path.read_bytes() for path in settings.var.glob("subscriber.db*")]
    await upgraded.close()
    for secret in (SECRET, FORMER_SECRET):
        assert not any(secret.encode() in content for content in files)


async def test_all_that_the_version_before_had_stored_is_in_main(settings: Settings) -> None:
    with sqlite3.connect(settings.var / "subscriber.db") as connection:
        connection.executescript((ROOT / "tests/data/upgrade/subscriber.sql").read_text())
    connection.close()

    async with running(create_app(settings)) as client:
        receipts = (await client.get("/v1/receipts")).json()["data"]
        order_id = receipts[0]["order_id"]
        of_order = (await client.get("/v1/receipts", params={"order_id": order_id})).json()["data"]
        stats = (await client.get("/v1/stats")).json()
        sandboxes = (await client.get("/v1/sandboxes")).json()["data"]

    assert [each["verdict"] for each in receipts] == ["accepted"]
    assert order_id.startswith("ord_")
    assert of_order == receipts
    assert (stats["purchases"], sandboxes) == (1, [])


@pytest.mark.usefixtures("subscribed")
async def test_a_subscriber_with_another_key_does_not_start(settings: Settings) -> None:
    settings.secrets_key_file.write_bytes(Fernet.generate_key())

    line = refusal(settings)

    assert line.startswith("subscriber_app: the key does not decrypt the secret")
    assert "SUBSCRIBER_SECRETS_KEY" in line
    assert "subscriber-secrets.key" in line


async def test_a_database_of_a_newer_version_is_refused_in_one_line(
    empty: Database, settings: Settings
) -> None:
    await empty.create_tables()
    await run(empty, do("UPDATE alembic_version SET version_num = 'r9999'"))

    assert refusal(settings) == (
        f"subscriber_app: the database is of a newer version (r9999) than this program ({NEWEST}): "
        "start the newer program"
    )


async def test_a_database_from_before_the_first_release_is_refused_in_one_line(
    empty: Database, settings: Settings
) -> None:
    await empty.create_tables()
    await run(empty, do("DROP TABLE alembic_version"))

    assert refusal(settings).endswith("cannot be upgraded: start over with make reset")


def refusal(settings: Settings) -> str:
    """Return the one line that the subscriber prints if it cannot start."""
    program = subprocess.run(
        [sys.executable, "-m", "subscriber_app"],
        cwd=ROOT,
        env={**os.environ, "HOOKSHOP_VAR": str(settings.var)},
        capture_output=True,
        text=True,
        timeout=MAX_WAIT_SECONDS,
        check=False,
    )
    assert program.returncode == 2, program.stderr
    [line] = program.stderr.splitlines()
    return line


async def test_earlier_progress_in_missions_belongs_to_the_watch_track(empty: Database) -> None:
    await run(empty, lambda connection: MIGRATIONS.upgrade(connection, to="r0009"))
    await run(
        empty,
        do(
            "INSERT INTO mission VALUES "
            "(4, 'started', '2026-12-01 12:00:00', NULL, 1, '{}', '{}', FALSE)"
        ),
    )

    await empty.create_tables()

    async with empty.reading() as session:
        assert set(await progress.read_all(session)) == {"4"}


async def test_a_check_of_the_learners_receiver_survives_a_restart(settings: Settings) -> None:
    case = CaseFact("head", "survives", "must", "failed", "501: crashed")
    check = Check("exm_1", datetime.now(UTC), total=7, playing="still-works", cases=(case,))
    mission = MISSIONS["build-17"]

    for is_restarted in (False, True):
        database = Database(settings.resolved_database_url, encryption_of(settings))
        await database.create_tables()
        async with database.writing() as session:
            if not is_restarted:
                await progress.begin(session, mission, now=check.started_at)
                await session.flush()
            row = await progress.find(session, mission)
            assert row
            if is_restarted:
                assert progress.check_of(row) == check
            row.check = progress.check_document(check)
        await database.close()
