"""A database under test, in which endpoints are registered and orders placed without HTTP."""

from hookshop.webkit.encryption import Encryption
from shop.database.transactions import Database
from shop.orders.placing import Item, PlacedOrder, place_order, price_order
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import Clock

NOBODY = "http://127.0.0.1:1025/nobody"


class OrdersAndEndpoints:
    """Registers endpoints and places orders, at the time of the test's clock."""

    def __init__(self, database: Database, clock: Clock, encryption: Encryption) -> None:
        self.database, self.clock, self.encryption = database, clock, encryption

    async def register(self, url: str) -> str:
        """Return the id of a new endpoint."""
        async with self.database.writing() as session:
            registered = await registry.register(
                session,
                NewEndpoint(url),
                policy=UrlPolicy(),
                encryption=self.encryption,
                now=self.clock.now,
            )
        return registered.endpoint.id

    async def place(self, quantity: int) -> PlacedOrder:
        """Order this many mugs."""
        async with self.database.writing() as session:
            order = price_order([Item("mug", quantity)], "Ada")
            return await place_order(session, order, now=self.clock.now)
