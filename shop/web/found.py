"""What an address names, or the answer that there is none. Called by the pages' handlers."""

from litestar.exceptions import NotFoundException

from shop.database import Database
from shop.models import Endpoint
from shop.webhooks import endpoints


async def existing_endpoint(database: Database, endpoint_id: str) -> Endpoint:
    """The endpoint. Raises ``NotFoundException`` when it never was or is deleted."""
    async with database.reading() as session:
        endpoint = await endpoints.find(session, endpoint_id)
    if endpoint is None:
        raise no_such_endpoint(endpoint_id)
    return endpoint


def no_such_endpoint(endpoint_id: str) -> NotFoundException:
    """To be raised by whoever looked for it."""
    return NotFoundException(f"there is no endpoint {endpoint_id!r}")


def no_such_delivery(delivery_id: str) -> NotFoundException:
    """To be raised by whoever looked for it."""
    return NotFoundException(f"there is no delivery {delivery_id!r}")


def no_such_order(order_id: str) -> NotFoundException:
    """To be raised by whoever looked for it."""
    return NotFoundException(f"there is no order {order_id!r}")
