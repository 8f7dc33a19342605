"""Concurrent writers have the same results as writers one after another.

SQLite has one writer at a time. On PostgreSQL, writers wait for each other only at locks.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlmodel import col, func, select, text

from hookshop.webkit.encryption import Encryption
from shop.config import Settings
from shop.database.bound_sandbox import MAIN_NUMBER
from shop.database.counters import merge_tallies
from shop.database.models import Delivery, Message, Order
from shop.database.transactions import Database
from shop.orders.fulfilment import InvalidOrderState, refund, ship
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import DeliveryState
from shop.webhooks import manual_actions
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.endpoints.secrets import MAX_LIVE_SECRETS, list_live, rotate
from shop.webhooks.engine.claiming import claim_due
from shop.webhooks.engine.due import lock_due_endpoints
from shop.webhooks.queries.deliveries import DeliveryFilter, count_by_state, read_stats
from shop.webhooks.recovery import Recovery, RecoveryRange, recover, resend_undelivered
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY
from shop.webhooks.rules.slots import Slots
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import Clock, delivery_settings

SETTINGS = {MAIN_NUMBER: delivery_settings(Clock(datetime.now(UTC)))}


@pytest.fixture
async def machines(database: Database, settings: Settings) -> AsyncIterator[list[Database]]:
    """Database objects as on three machines. The first one is ``database``."""
    others = [Database(settings.resolved_database_url) for _ in range(2)]
    yield [database, *others]
    for other in others:
        await other.close()


class Shops:
    """Actions of people and workers, each on the next machine."""

    def __init__(self, machines: Sequence[Database], encryption: Encryption) -> None:
        self._machines = machines
        self._encryption = encryption
        self._next = 0

    def machine(self) -> Database:
        self._next += 1
        return self._machines[self._next % len(self._machines)]

    async def register(self, path: str) -> str:
        async with self.machine().writing() as session:
            new = NewEndpoint(f"http://127.0.0.1:9001/{path}")
            registered = await registry.register(
                session, new, policy=UrlPolicy(), encryption=self._encryption, now=now()
            )
        return registered.endpoint.id

    async def order(self) -> str:
        async with self.machine().writing() as session:
            placed = await place_order(session, price_order([Item("mug", 1)], "Ada"), now=now())
        return placed.id

    async def claim(self, endpoint_id: str, count: int) -> int:
        def claim(connection: Connection) -> int:
            found = lock_due_endpoints(connection, also=(), now=now())
            wanted = [each for id_, each in found.items() if id_ == endpoint_id]
            claimed = claim_due(
                connection, wanted, limit=count, slots=Slots(), settings=SETTINGS, now=now()
            )
            return len(claimed.claims)

        return await self.machine().write(claim)

    async def delete(self, endpoint_id: str) -> None:
        await delete_endpoint(self.machine(), endpoint_id, clock=now)

    async def rotate(self, endpoint_id: str) -> None:
        async with self.machine().writing() as session:
            await rotate(
                session,
                endpoint_id,
                grace=timedelta(hours=1),
                encryption=self._encryption,
                now=now(),
                replace_oldest=True,
            )

    async def resend_all(self) -> None:
        await resend_undelivered(self.machine(), DeliveryFilter(), clock=now)

    async def recover(self, endpoint_id: str) -> Recovery:
        machine = self.machine()
        async with machine.reading() as session:
            endpoint = await registry.find(session, endpoint_id)
        assert endpoint
        span = RecoveryRange.of(endpoint, endpoint.created_at, retention=None, now=now())
        return await recover(machine, endpoint, span, clock=now)

    async def cancel(self, delivery_id: str) -> None:
        async with self.machine().writing() as session:
            await manual_actions.cancel(session, delivery_id, now=now())

    async def merge(self) -> None:
        async with self.machine().writing() as session:
            await merge_tallies(session)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def shops(machines: list[Database], encryption: Encryption) -> Shops:
    return Shops(machines, encryption)


async def all_of(*work: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*work)


async def test_concurrent_claims_respect_the_endpoints_limit(shops: Shops) -> None:
    endpoint_id = await shops.register("one")
    for _ in range(3 * MIN_CONCURRENCY):
        await shops.order()

    claimed = await all_of(*(shops.claim(endpoint_id, 15) for _ in range(6)))

    assert sum(claimed) == MIN_CONCURRENCY


async def test_an_order_shipped_and_refunded_concurrently_changes_once(shops: Shops) -> None:
    await shops.register("one")
    order_id = await shops.order()

    async def act(action: Any) -> str:
        try:
            async with shops.machine().writing() as session:
                await action(session, order_id, now=now())
        except InvalidOrderState:
            return "refused"
        return str(action.__name__)

    done = Counter(await all_of(*(act(action) for action in [ship, refund] * 5)))

    assert done["refund"] == 1
    assert done["ship"] <= 1
    async with shops.machine().reading() as session:
        messages = (await session.exec(select(Message.event_type))).all()
    assert len(messages) == 1 + done["refund"] + done["ship"]


async def test_no_delivery_waits_for_an_endpoint_deleted_during_orders(
    shops: Shops,
) -> None:
    ids = [await shops.register(str(number)) for number in range(4)]

    await all_of(
        *(shops.order() for _ in range(30)),
        *(shops.delete(endpoint_id) for endpoint_id in ids),
        *(shops.order() for _ in range(30)),
    )

    async with shops.machine().reading() as session:
        assert (await count_by_state(session))[DeliveryState.PENDING] == 0


async def test_after_concurrent_rotations_only_the_newest_secret_never_expires(
    shops: Shops,
) -> None:
    endpoint_id = await shops.register("one")

    await all_of(*(shops.rotate(endpoint_id) for _ in range(6)))

    async with shops.machine().reading() as session:
        live = await list_live(session, endpoint_id, now=now())
    assert [ends for _name, _begins, ends in live].count(None) == 1
    assert len(live) == MAX_LIVE_SECRETS


async def test_concurrent_actions_do_not_deadlock_and_the_counters_are_right(
    shops: Shops,
) -> None:
    ids = [await shops.register(str(number)) for number in range(3)]
    for _ in range(10):
        await shops.order()
    async with shops.machine().reading() as session:
        waiting = (await session.exec(select(Delivery.id).limit(10))).all()

    await all_of(
        *(
            work
            for number in range(10)
            for work in (
                shops.order(),
                shops.claim(ids[number % 3], 3),
                shops.cancel(waiting[number]),
                shops.resend_all(),
                shops.recover(ids[number % 2]),
                shops.merge(),
                shops.rotate(ids[number % 2]),
            )
        ),
        shops.delete(ids[2]),
    )

    await shops.merge()
    async with shops.machine().reading() as session:
        query = select(Delivery.state, func.count()).group_by(col(Delivery.state))
        counted = dict((await session.exec(query)).all())
        stats = await read_stats(session)
        orders = (await session.exec(select(func.count()).select_from(Order))).one()
        writers = await session.exec(text("SELECT DISTINCT writer FROM state_tally"))  # type: ignore[call-overload]
    assert {state: count for state, count in stats.deliveries.items() if count} == counted
    assert stats.orders == orders == 20
    assert [row[0] for row in writers] == [0]


async def test_any_text_can_be_searched_for_and_stored(shops: Shops) -> None:
    hostile = "\x00'; DROP TABLE delivery --"

    async with shops.machine().writing() as session:
        assert not await manual_actions.cancel(session, hostile, now=now())
        await place_order(session, price_order([Item("mug", 1)], hostile), now=now())

    async with shops.machine().reading() as session:
        [name] = (await session.exec(select(Order.customer_name))).all()
    assert name.endswith("'; DROP TABLE delivery --")
