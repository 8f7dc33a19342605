"""``make seed`` generates rows that the applications could have written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from litestar.testing import AsyncTestClient

from benchmarks.seed.bulk_load import AlreadySeeded, DatabaseInUse
from benchmarks.seed.shop import seed_shop
from benchmarks.seed.subscriber import seed_subscriber
from shop.app import create_app as create_shop
from shop.config import Settings as ShopSettings
from shop.database.transactions import Database as ShopDatabase
from shop.vocabulary import DeliveryState, EventType
from shop.webhooks.queries.deliveries import DeliveryFilter, list_deliveries
from subscriber_app.app import create_app as create_subscriber
from subscriber_app.config import Settings as SubscriberSettings
from subscriber_app.database.transactions import Database as SubscriberDatabase
from subscriber_app.receiving.receipts import (
    DELETE_BATCH_SIZE,
    ReceiptFilter,
    delete_all,
    list_receipts,
)
from subscriber_app.vocabulary import Reason, Verdict

DAY = timedelta(days=1)
LOCAL = "http://127.0.0.1"


@pytest.fixture
async def shop(tmp_path: Path) -> ShopSettings:
    settings = ShopSettings(HOOKSHOP_VAR=tmp_path)  # type: ignore[call-arg]
    await seed_shop(settings, 300, span=DAY, force=False)
    return settings


@pytest.fixture
async def subscriber(tmp_path: Path) -> SubscriberSettings:
    settings = SubscriberSettings(HOOKSHOP_VAR=tmp_path)  # type: ignore[call-arg]
    await seed_subscriber(settings, 300, span=DAY, force=False)
    return settings


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with opened(path) as connection:
        return connection.execute(query).fetchall()


async def test_the_given_number_of_deliveries_is_in_the_past(
    shop: ShopSettings,
) -> None:
    now = datetime.now(UTC)
    [(count, first, last)] = rows(
        shop.var / "shop.db", "SELECT count(*), min(created_at), max(created_at) FROM delivery"
    )

    assert count == 300
    assert str(now - DAY - timedelta(minutes=5)) < str(first) < str(now - DAY * 0.9)
    assert str(now - DAY * 0.1) < str(last) < str(now)


async def test_every_referenced_row_exists(
    shop: ShopSettings, subscriber: SubscriberSettings
) -> None:
    assert rows(shop.var / "shop.db", "PRAGMA foreign_key_check") == []
    assert rows(subscriber.var / "subscriber.db", "PRAGMA foreign_key_check") == []


async def test_the_counters_equal_the_counted_rows(
    shop: ShopSettings, subscriber: SubscriberSettings
) -> None:
    shop_db, subscriber_db = shop.var / "shop.db", subscriber.var / "subscriber.db"

    assert rows(
        shop_db, "SELECT endpoint_id, state, amount FROM state_tally ORDER BY 1, 2"
    ) == rows(
        shop_db, "SELECT endpoint_id, state, count(*) FROM delivery GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert rows(shop_db, "SELECT amount, total_cents FROM order_tally WHERE minute = -1") == rows(
        shop_db, "SELECT count(*), sum(total_cents) FROM shop_order"
    )
    assert rows(shop_db, "SELECT amount, total_cents FROM refund_tally WHERE minute = -1") == rows(
        shop_db,
        "SELECT count(*), sum(total_cents) FROM shop_order WHERE refunded_at IS NOT NULL",
    )
    assert rows(shop_db, "SELECT sum(amount), sum(total_ms) FROM attempt_tally") == rows(
        shop_db, "SELECT count(*), sum(duration_ms) FROM attempt"
    )
    assert rows(subscriber_db, "SELECT amount FROM tally WHERE name = 'accepted'") == rows(
        subscriber_db, "SELECT count(*) FROM receipt WHERE verdict = 'accepted'"
    )
    assert rows(subscriber_db, "SELECT amount FROM tally WHERE name = 'revenue_cents'") == rows(
        subscriber_db, "SELECT sum(value_cents) FROM purchase"
    )


async def test_all_indexes_are_rebuilt(shop: ShopSettings, tmp_path: Path) -> None:
    fresh = ShopDatabase(f"sqlite+aiosqlite:///{tmp_path / 'fresh.db'}")
    await fresh.create_tables()
    await fresh.close()
    query = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"

    assert rows(shop.var / "shop.db", query) == rows(tmp_path / "fresh.db", query)


async def test_the_shops_pages_show_it(shop: ShopSettings) -> None:
    [(delivery,)] = rows(
        shop.var / "shop.db", "SELECT max(id) FROM delivery WHERE state = 'failed'"
    )
    [(order,)] = rows(shop.var / "shop.db", "SELECT max(id) FROM shop_order")
    [(endpoint,)] = rows(shop.var / "shop.db", "SELECT max(id) FROM endpoint")

    async with AsyncTestClient(create_shop(shop), LOCAL) as client:
        for page in (
            "/deliveries",
            f"/deliveries/{delivery}",
            f"/orders/{order}",
            f"/endpoints/{endpoint}",
            "/overview",
            "/flow",
        ):
            assert (await client.get(page)).status_code == 200, page


async def test_accepted_receipts_are_genuine_on_their_pages(
    subscriber: SubscriberSettings,
) -> None:
    [(receipt,)] = rows(
        subscriber.var / "subscriber.db", "SELECT max(id) FROM receipt WHERE verdict = 'accepted'"
    )

    async with AsyncTestClient(create_subscriber(subscriber), LOCAL) as client:
        inbox, page = await client.get("/"), await client.get(f"/receipts/{receipt}")
        purchases = await client.get("/purchases")

    assert inbox.status_code == page.status_code == purchases.status_code == 200
    assert "valid then" in page.text  # the status of the secret that signed it


async def test_a_long_history_is_deleted_in_batches(
    subscriber: SubscriberSettings,
) -> None:
    path = subscriber.var / "subscriber.db"
    await seed_subscriber(subscriber, DELETE_BATCH_SIZE * 2, span=DAY, force=True)
    database = SubscriberDatabase(subscriber.resolved_database_url)

    await delete_all(database, now=lambda: datetime.now(UTC))
    await database.close()

    for table in ("receipt", "purchase", "purchase_state", "handled_message"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(0,)], table
    assert rows(path, "SELECT DISTINCT amount FROM tally") == [(0,)]


async def test_a_shop_with_orders_is_not_seeded_unless_forced(shop: ShopSettings) -> None:
    with pytest.raises(AlreadySeeded, match="orders already"):
        await seed_shop(shop, 10, span=DAY, force=False)

    await seed_shop(shop, 10, span=DAY, force=True)

    assert rows(shop.var / "shop.db", "SELECT count(*) FROM delivery") == [(310,)]


async def test_a_database_in_use_is_not_seeded(shop: ShopSettings) -> None:
    with opened(shop.var / "shop.db") as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM delivery")

        with pytest.raises(DatabaseInUse):
            await seed_shop(shop, 10, span=DAY, force=True)


async def test_each_combination_of_the_logs_filters_finds_the_right_rows(
    shop: ShopSettings,
) -> None:
    every = rows(shop.var / "shop.db", "SELECT id, state, event_type, endpoint_id FROM delivery")
    endpoints = {row[3] for row in every}
    database = ShopDatabase(shop.resolved_database_url)

    async with database.reading() as session:
        for state, kind, endpoint in product(
            (None, *DeliveryState), (None, *EventType), (None, *endpoints)
        ):
            wanted = DeliveryFilter(state=state, event_type=kind, endpoint_id=endpoint)  # type: ignore[arg-type]
            page = await list_deliveries(session, wanted, limit=1000)
            found = {row.delivery.id for row in page.rows}
            assert found == {
                id_
                for id_, its_state, its_kind, its_endpoint in every
                if state in {None, its_state}
                and kind in {None, its_kind}
                and endpoint in {None, its_endpoint}
            }
    await database.close()


async def test_each_combination_of_the_inboxs_filters_finds_the_right_rows(
    subscriber: SubscriberSettings,
) -> None:
    every = rows(
        subscriber.var / "subscriber.db", "SELECT id, verdict, reason, event_type FROM receipt"
    )
    kinds = {str(row[3]) for row in every if row[3]}
    database = SubscriberDatabase(subscriber.resolved_database_url)

    async with database.reading() as session:
        for verdict, reason, kind in product((None, *Verdict), (None, *Reason), (None, *kinds)):
            wanted = ReceiptFilter(verdict=verdict, reason=reason, event_type=kind)
            page = await list_receipts(session, wanted, limit=1000)
            assert {receipt.id for receipt in page.receipts} == {
                id_
                for id_, its_verdict, its_reason, its_kind in every
                if verdict in {None, its_verdict}
                and reason in {None, its_reason}
                and kind in {None, its_kind}
            }
    await database.close()
