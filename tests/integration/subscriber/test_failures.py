"""Our own failures are logged and answered, change nothing partially, and leak nothing."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import inspect

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database.models import Subscription
from subscriber_app.database.transactions import Database
from tests.integration.subscriber.conftest import Client, running
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver, stats, totals
from tests.pages import Visitor
from tests.waiting import eventually


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


@pytest.fixture
def database(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Another connection to the subscriber's database, in autocommit."""
    path = settings.var / "subscriber.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
async def broken_subscriptions(settings: Settings, database: sqlite3.Connection) -> None:
    """Replace the table with one that accepts no row."""
    before = Database(settings.resolved_database_url)
    await before.create_tables()
    await before.close()
    database.execute("DROP TABLE subscription")
    names = inspect(Subscription).local_table.columns.keys()
    columns = ", ".join(f"{name} TEXT" for name in names)
    database.execute(f"CREATE TABLE subscription ({columns}, more TEXT NOT NULL)")


async def test_a_message_that_cannot_be_booked_is_not_acknowledged_and_leaves_nothing(
    subscribed: Client, database: sqlite3.Connection
) -> None:
    database.execute("ALTER TABLE purchase RENAME TO elsewhere")

    answer = await deliver(subscribed)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    database.execute("ALTER TABLE elsewhere RENAME TO purchase")
    assert await stats(subscribed) == totals()
    assert (await deliver(subscribed)).json()["verdict"] == "accepted"


async def test_a_page_that_cannot_be_read_says_so(
    subscribed: Client, database: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    database.execute("ALTER TABLE receipt RENAME TO elsewhere")

    page = await Visitor(subscribed).get("/")

    assert page.status == 503
    assert "Service Unavailable" in page.text
    assert "GET /: database unavailable: no such table: receipt" in caplog.text


@pytest.mark.usefixtures("broken_subscriptions")
async def test_a_failure_is_logged_without_the_secret_and_the_page_says_little(
    subscriber: Client, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    page = await Visitor(subscriber).submit(
        "/subscription", seen_on="/subscription", event_types=["purchase.created"]
    )

    [secret] = shop.secrets
    assert page.status == 500
    assert "An unexpected error occurred; the log has the details." in page.text
    assert "POST /subscription failed" in caplog.text
    assert "NOT NULL constraint failed" in caplog.text
    assert secret.removeprefix("whsec_") not in caplog.text + page.answer.text


@pytest.mark.usefixtures("broken_subscriptions")
async def test_a_failure_to_subscribe_is_logged_and_stops_nothing_else(
    settings: Settings, shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def is_logged() -> bool:
        return "NOT NULL constraint failed" in caplog.text

    by_itself = settings.model_copy(update={"auto_register": True})
    async with running(create_app(by_itself)) as subscriber:
        await eventually(is_logged, "the failure is logged")
        answer = await subscriber.get("/healthz")

    [secret] = shop.secrets
    assert answer.status_code == 200
    assert secret.removeprefix("whsec_") not in caplog.text
