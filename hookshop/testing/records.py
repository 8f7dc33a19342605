"""What the APIs return, as objects: orders, deliveries, receipts and endpoints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from hookshop.testing.http_client import Json


@dataclass(frozen=True, slots=True)
class Order:
    """An order. ``total_cents``: in the shop's currency. ``document``: all fields of the API."""

    id: str
    total_cents: int
    document: Json

    @classmethod
    def read(cls, document: Json) -> Self:
        """Return the order of a document of the API."""
        return cls(document["id"], document["total_cents"], document)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint.

    ``state``: pending, sending, succeeded, failed or cancelled. ``last_status``: of the last
    response; None if there was none. ``last_error``: why there was none, such as timeout.
    ``next_attempt_at``: None if none is planned. ``document``: all fields of the API.
    """

    id: str
    message_id: str
    order_id: str | None
    endpoint_id: str
    event_type: str
    state: str
    attempt_count: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: datetime | None
    document: Json

    @classmethod
    def read(cls, document: Json) -> Self:
        """Return the delivery of a document of the API."""
        next_at = document["next_attempt_at"]
        return cls(
            id=document["id"],
            message_id=document["message_id"],
            order_id=document["order_id"],
            endpoint_id=document["endpoint_id"],
            event_type=document["event_type"],
            state=document["state"],
            attempt_count=document["attempt_count"],
            last_status=document["last_status"],
            last_error=document["last_error"],
            next_attempt_at=datetime.fromisoformat(next_at) if next_at else None,
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request that the subscriber received.

    ``verdict``: accepted, duplicate, ignored or rejected. ``reason``: of a rejection. ``status``:
    of the response; None if there was none. ``document``: all fields of the API.
    """

    id: str
    verdict: str
    reason: str | None
    status: int | None
    fault: str | None
    message_id: str | None
    event_type: str | None
    order_id: str | None
    document: Json

    @classmethod
    def read(cls, document: Json) -> Self:
        """Return the receipt of a document of the API."""
        return cls(
            id=document["id"],
            verdict=document["verdict"],
            reason=document["reason"],
            status=document["status"],
            fault=document["fault"],
            message_id=document["message_id"],
            event_type=document["event_type"],
            order_id=document["order_id"],
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered receiver.

    ``status``: active, paused or disabled. ``breaker``: closed, open or half_open.
    ``document``: all fields of the API.
    """

    id: str
    webhook_url: str
    status: str
    breaker: str
    document: Json

    @classmethod
    def read(cls, document: Json) -> Self:
        """Return the endpoint of a document of the API."""
        return cls(
            id=document["id"],
            webhook_url=document["webhook_url"],
            status=document["status"],
            breaker=document["breaker"]["state"],
            document=document,
        )


def order_id_of(order: Order | str) -> str:
    """Return the id of an order, or the id itself."""
    return order if isinstance(order, str) else order.id
