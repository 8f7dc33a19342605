"""Money since a time, to the second, compared with the sum of all orders and refunds."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlmodel import col, select

from shop.database.counters import merge_tallies
from shop.database.models import Order
from shop.database.transactions import Database
from shop.orders import fulfilment
from shop.orders.placing import Item, place_order, price_order
from shop.webhooks.queries.dashboard_stats import read_orders
from shop.webhooks.queries.sales import Sales, read_sales
from shop.webhooks.rules.time_buckets import Window
from tests.integration.shop.browsing import Shop, order
from tests.pages import Visitor

BEGIN = datetime(2026, 11, 23, 11, 58, 30, 250_000, tzinfo=UTC)
MUG_CENTS = 1490


class SalesDatabase:
    """A shop's database in which orders are placed and refunded at given times."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def sell(self, at: datetime) -> str:
        async with self.database.writing() as session:
            return (await place_order(session, price_order([Item("mug", 1)], "Ada"), now=at)).id

    async def refund(self, order_id: str, at: datetime) -> None:
        async with self.database.writing() as session:
            assert await fulfilment.refund(session, order_id, now=at)

    async def sales(self, since: datetime | None = None) -> Sales:
        async with self.database.reading() as session:
            return await read_sales(session, since=since)

    async def added_up(self, since: datetime) -> Sales:
        """Return the sales from reading every row."""
        async with self.database.reading() as session:
            orders = (await session.exec(select(Order).order_by(col(Order.id)))).all()
        sold = [each.total_cents for each in orders if date_of(each.created_at) >= since]
        refunded = [
            each.total_cents
            for each in orders
            if each.refunded_at and date_of(each.refunded_at) >= since
        ]
        return Sales(len(sold), sum(sold), sum(refunded))


def date_of(moment: datetime) -> datetime:
    """Return the ``date`` of the event, in whole seconds."""
    return moment.replace(microsecond=0)


@pytest.fixture
def sales_db(database: Database) -> SalesDatabase:
    return SalesDatabase(database)


async def test_sales_since_any_second_equal_the_sum_of_all_events_since_then(
    sales_db: SalesDatabase,
) -> None:
    moments = [BEGIN + timedelta(seconds=10.4 * number) for number in range(20)]
    ids = [await sales_db.sell(moment) for moment in moments]
    for id_, moment in list(zip(ids, moments, strict=True))[::3]:
        await sales_db.refund(id_, moment + timedelta(seconds=95))

    for second in range(-2, 320):
        since = date_of(BEGIN) + timedelta(seconds=second)
        assert await sales_db.sales(since) == await sales_db.added_up(since)


async def test_a_moment_between_two_seconds_counts_from_the_later_one(
    sales_db: SalesDatabase,
) -> None:
    await sales_db.sell(datetime(2026, 11, 23, 12, 0, 0, 700_000, tzinfo=UTC))
    await sales_db.sell(datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC))

    counts = [
        (
            await sales_db.sales(datetime(2026, 11, 23, 12, 0, second, microsecond, tzinfo=UTC))
        ).orders
        for second, microsecond in [(0, 0), (0, 1), (0, 999_999), (1, 0), (1, 1)]
    ]

    assert counts == [2, 1, 1, 1, 0]


async def test_a_refund_is_taken_off_when_it_is_given_and_its_order_stays_counted(
    sales_db: SalesDatabase,
) -> None:
    first = await sales_db.sell(BEGIN)
    await sales_db.sell(BEGIN)
    await sales_db.refund(first, BEGIN + timedelta(hours=1))

    all_time = await sales_db.sales()
    since_the_refund = await sales_db.sales(BEGIN + timedelta(minutes=59))

    assert all_time == Sales(orders=2, gross_cents=2 * MUG_CENTS, refunded_cents=MUG_CENTS)
    assert all_time.revenue_cents == MUG_CENTS
    assert since_the_refund == Sales(orders=0, gross_cents=0, refunded_cents=MUG_CENTS)
    assert since_the_refund.revenue_cents == -MUG_CENTS


async def test_shipping_an_order_is_no_refund(sales_db: SalesDatabase) -> None:
    order_id = await sales_db.sell(BEGIN)
    async with sales_db.database.writing() as session:
        assert await fulfilment.ship(session, order_id, now=BEGIN)

    assert (await sales_db.sales()).refunded_cents == 0


async def test_a_refund_that_is_rolled_back_is_not_counted(sales_db: SalesDatabase) -> None:
    order_id = await sales_db.sell(BEGIN)

    async def change_of_mind() -> None:
        async with sales_db.database.writing() as session:
            await fulfilment.refund(session, order_id, now=BEGIN)
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await change_of_mind()
    assert (await sales_db.sales()).refunded_cents == 0


async def test_orders_written_together_with_their_refunds_are_counted_too(
    sales_db: SalesDatabase,
) -> None:
    imported = Order(
        id="ord_1", customer_name="", total_cents=100, created_at=BEGIN, refunded_at=BEGIN
    )
    async with sales_db.database.writing() as session:
        session.add(imported)

    assert await sales_db.sales() == Sales(orders=1, gross_cents=100, refunded_cents=100)


async def test_merging_what_many_writers_counted_changes_no_sum(
    sales_db: SalesDatabase,
) -> None:
    for number in range(3):
        moment = BEGIN + timedelta(minutes=number)
        await sales_db.refund(await sales_db.sell(moment), moment)
    since = BEGIN + timedelta(minutes=1)
    before = [await sales_db.sales(), await sales_db.sales(since)]

    async with sales_db.database.writing() as session:
        await merge_tallies(session)

    assert [await sales_db.sales(), await sales_db.sales(since)] == before


async def test_the_minimum_and_maximum_time_are_accepted(sales_db: SalesDatabase) -> None:
    await sales_db.sell(BEGIN)

    assert (await sales_db.sales(datetime.min.replace(tzinfo=UTC))).orders == 1
    assert (await sales_db.sales(datetime.max.replace(tzinfo=UTC))).orders == 0


async def test_the_last_hour_has_its_refunds_apart(sales_db: SalesDatabase) -> None:
    now = BEGIN + timedelta(hours=2)
    await sales_db.refund(await sales_db.sell(BEGIN), now)
    await sales_db.sell(now)

    async with sales_db.database.reading() as session:
        orders = await read_orders(session, Window.last_hour(now))

    assert (orders.count, orders.gross_cents, orders.refunded_cents) == (1, MUG_CENTS, MUG_CENTS)
    assert orders.revenue_cents == 0


async def test_the_api_tells_gross_refunded_and_net_of_all_time_and_since(shop: Shop) -> None:
    refunded, kept = await order(shop), await order(shop)
    await shop.post(f"/v1/orders/{refunded['id']}/refund", json={})
    gross = refunded["total_cents"] + kept["total_cents"]

    everything = (await shop.get("/v1/stats")).json()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=500_000)
    nothing = (await shop.get("/v1/stats", params={"since": tomorrow.isoformat()})).json()

    deliveries = everything["deliveries"]
    assert everything == {
        "orders": 2,
        "gross_cents": gross,
        "refunded_cents": refunded["total_cents"],
        "revenue_cents": kept["total_cents"],
        "since": None,
        "earlier_cents": 0,
        "deliveries": deliveries,
    }
    assert nothing == {
        "orders": 0,
        "gross_cents": 0,
        "refunded_cents": 0,
        "revenue_cents": 0,
        "since": f"{tomorrow + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}",
        "earlier_cents": kept["total_cents"],
        "deliveries": deliveries,
    }


@pytest.mark.parametrize(
    "since",
    ["", "yesterday", "2026-11-23T12:00:00", "0001-01-01T00:00:00+14:00", "2026-02-30T12:00:00Z"],
)
async def test_a_time_that_cannot_be_understood_is_refused(since: str, shop: Shop) -> None:
    answer = await shop.get("/v1/stats", params={"since": since})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "2999-12-31T23:59:59.999Z"])
async def test_any_valid_time_is_accepted(since: str, shop: Shop) -> None:
    assert (await shop.get("/v1/stats", params={"since": since})).status_code == 200


async def test_the_overview_tells_refunds_and_net(shop: Shop) -> None:
    refunded = await order(shop)
    before = await Visitor(shop).get("/overview")
    await shop.post(f"/v1/orders/{refunded['id']}/refund", json={})

    page = await Visitor(shop).get("/overview")

    amount = f"${refunded['total_cents'] / 100:.2f}"
    assert f"{amount} in the last hour" in before.text
    assert "net" not in before.text
    assert f"{amount} in the last hour; {amount} refunded, $0.00 net" in page.text


async def test_every_minute_and_all_time_agree(sales_db: SalesDatabase) -> None:
    for number in range(5):
        moment = BEGIN + timedelta(minutes=7 * number)
        await sales_db.refund(await sales_db.sell(moment), moment + timedelta(minutes=3))

    minutes = [BEGIN.replace(second=0, microsecond=0) + timedelta(minutes=n) for n in range(40)]
    sums = [await sales_db.sales(minute) for minute in minutes]

    assert sums[0] == await sales_db.sales()
    assert all(earlier.orders >= later.orders for earlier, later in pairwise(sums))
