"""Actions in several sandboxes of one database, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from shop.database.bound_sandbox import ALL, MAIN_NUMBER, bound_to
from shop.database.counters import merge_tallies
from shop.database.models import Delivery, Endpoint, Sandbox, SandboxTable
from shop.database.transactions import Database
from shop.orders.idempotency import IdempotencyKey, store_key
from shop.orders.placing import Item, place_order, price_order
from shop.sandboxes import registry as sandboxes
from shop.sandboxes.settings import SandboxSettings
from shop.vocabulary import DeliveryState
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import Clock

NOBODY = "http://127.0.0.1:1025/nobody"
LIFETIME = timedelta(hours=1)


class SandboxedShop:
    """One database with sandboxes. ``number``: of a sandbox; 0 is ``main``."""

    def __init__(self, database: Database, clock: Clock, encryption: Encryption) -> None:
        self.database, self.clock, self._encryption = database, clock, encryption
        self.max_sandboxes = 1000

    async def create(self, sandbox_id: str, settings: SandboxSettings | None = None) -> int:
        async with self.database.writing() as session:
            created = await sandboxes.create(
                session,
                sandbox_id=sandbox_id,
                token_hash=None,
                expires_at=self.clock.now + LIFETIME,
                settings=settings or {},
                limit=self.max_sandboxes,
                now=self.clock.now,
            )
        assert created.number
        return created.number

    async def change(self, sandbox_id: str, settings: SandboxSettings) -> Sandbox | None:
        async with self.database.writing() as session:
            return await sandboxes.change_settings(
                session, sandbox_id, settings, now=self.clock.now
            )

    async def drop(self, sandbox_id: str) -> int | None:
        async with self.database.writing() as session:
            return await sandboxes.drop(session, sandbox_id, now=self.clock.now)

    async def register(self, url: str = NOBODY, *, number: int = MAIN_NUMBER) -> str:
        async with self.writing(number) as session:
            registered = await registry.register(
                session,
                NewEndpoint(url),
                policy=UrlPolicy(),
                encryption=self._encryption,
                now=self.clock.now,
            )
        return registered.endpoint.id

    async def buy(self, count: int = 1, *, number: int = MAIN_NUMBER) -> list[str]:
        """Place orders, each with an idempotency key; return the ids of their deliveries."""
        ids: list[str] = []
        async with self.writing(number) as session:
            for _ in range(count):
                placed = await place_order(
                    session, price_order([Item("mug", 1)], "Ada"), now=self.clock.now
                )
                key = IdempotencyKey(placed.id, "fingerprint")
                store_key(session, key, placed.id, now=self.clock.now)
                ids += placed.message.delivery_ids
        return ids

    async def count(self, table: type[SandboxTable], *, number: int | None) -> int:
        """Return the number of rows of a sandbox, or of all."""
        with bound_to(number):
            async with self.database.reading() as session:
                return (await session.exec(select(func.count()).select_from(table))).one()

    async def state(self, delivery_id: str) -> DeliveryState:
        with bound_to(ALL):
            async with self.database.reading() as session:
                return (await session.get_one(Delivery, delivery_id)).state

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        with bound_to(ALL):
            async with self.database.reading() as session:
                return await session.get_one(Endpoint, endpoint_id)

    async def merge_counters(self) -> None:
        async with self.writing(ALL) as session:
            await merge_tallies(session)

    @asynccontextmanager
    async def writing(self, number: int | None) -> AsyncIterator[AsyncSession]:
        with bound_to(number):
            async with self.database.writing() as session:
                yield session
