"""Orders that come at once share transactions, and each has its own outcome."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlmodel import col, func, select

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.group_commit import GroupCommit
from hookshop.webkit.times import utc_now
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.models import Delivery, Endpoint, Message, Order
from shop.database.transactions import Database
from shop.orders.placing import (
    Item,
    NewOrder,
    PlacedOrder,
    PricedLine,
    order_commits,
    price_order,
)
from tests.integration.shop.browsing import Shop, order, register
from tests.integration.shop.conftest import Clock
from tests.integration.shop.sandboxes import SandboxedShop

TOO_MANY = 10**30  # no integer of a database

Orders = GroupCommit[NewOrder, PlacedOrder]


@pytest.fixture
async def orders(database: Database) -> AsyncIterator[Orders]:
    orders = order_commits(database, clock=utc_now)
    yield orders
    await orders.close()


def mugs(customer_name: str = "Ada", quantity: int = 1) -> NewOrder:
    return price_order([Item("mug", quantity)], customer_name)


async def test_orders_that_come_at_once_share_a_transaction(
    orders: Orders, database: Database
) -> None:
    placed = await asyncio.gather(*(orders.commit(mugs(quantity=n)) for n in range(1, 21)))

    # The time is read once for each transaction.
    assert len({each.created_at for each in placed}) == 1
    assert [each.order.total_cents for each in placed] == [1490 * n for n in range(1, 21)]
    async with database.reading() as session:
        stored = (await session.exec(select(Order.id).order_by(col(Order.total_cents)))).all()
    assert list(stored) == [each.id for each in placed]


async def test_one_order_that_the_database_refuses_fails_alone(
    orders: Orders, database: Database
) -> None:
    refused = NewOrder([PricedLine("mug", "Enamel Mug", 1, TOO_MANY)], "Eve")

    outcomes = await asyncio.gather(
        *(orders.commit(each) for each in (mugs("Ada"), refused, mugs("Bob"))),
        return_exceptions=True,
    )

    assert [isinstance(each, Exception) for each in outcomes] == [False, True, False]
    async with database.reading() as session:
        names = (await session.exec(select(Order.customer_name))).all()
    assert sorted(names) == ["Ada", "Bob"]


async def test_an_unknown_product_among_orders_at_once_is_refused_before_anything_is_written(
    shop: Shop, database: Database
) -> None:
    wanted = ("mug", "unicorn", "mug", "hook")
    bodies = [{"items": [{"product_id": each, "quantity": 1}]} for each in wanted]

    answers = await asyncio.gather(*(shop.post("/v1/orders", json=each) for each in bodies))

    assert [answer.status_code for answer in answers] == [201, 404, 201, 201]
    async with database.reading() as session:
        assert (await session.exec(select(func.count()).select_from(Order))).one() == 3


async def test_orders_of_several_sandboxes_in_one_transaction_stay_apart(
    orders: Orders, database: Database, clock: Clock, encryption: Encryption
) -> None:
    shops = SandboxedShop(database, clock, encryption)
    numbers = [0, await shops.create("one"), await shops.create("two")]
    for number in numbers[:2]:  # nobody has subscribed in the last one
        await shops.register(number=number)
    at_once = []
    for number in numbers * 2:
        with bound_to(number):
            at_once.append(mugs())

    placed = await asyncio.gather(*(orders.commit(each) for each in at_once))

    assert [len(each.message.deliveries) for each in placed] == [1, 1, 0] * 2
    query = (
        select(Order.sandbox, Message.sandbox, Delivery.sandbox, Endpoint.sandbox)
        .join(Message, col(Message.order_id) == Order.id)
        .join(Delivery, col(Delivery.message_id) == Message.id)
        .join(Endpoint, col(Endpoint.id) == Delivery.endpoint_id)
    )
    with bound_to(ALL):
        async with database.reading() as session:
            rows = (await session.exec(query)).all()
    assert sorted(rows) == [(number,) * 4 for number in sorted(numbers[:2] * 2)]


async def test_orders_at_once_have_a_delivery_each(shop: Shop) -> None:
    await register(shop, "http://127.0.0.1:9001/hook")

    placed = await asyncio.gather(*(order(shop) for _ in range(20)))

    listed = (await shop.get("/v1/deliveries")).json()["data"]
    answered = [delivery_id for each in placed for delivery_id in each["delivery_ids"]]
    assert sorted(answered) == sorted(delivery["id"] for delivery in listed)
    for each in placed:
        assert (await shop.get(f"/v1/orders/{each['id']}")).json() == each
