"""The shop's deliveries, attempts and order lines, parsed from its JSON API.

Only the fields that we use are parsed. They come from another company, so they are validated.
"""

import json
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from subscriber_app.shop_api.errors import ShopUnreachable

MAX_NAME_LENGTH = 200  # characters
Moment = Annotated[datetime, Meta(tz=True)]  # the time zone is required
Document = TypeVar("Document", bound=Struct)


class ShopRequest(Struct, frozen=True):
    """The request that the shop sent."""

    url: str
    headers: dict[str, str]

    def header(self, name: str) -> str | None:
        """Return the value of a header. ``name``: in lower case."""
        return {key.lower(): value for key, value in self.headers.items()}.get(name)


class ShopResponse(Struct, frozen=True):
    """The response that the shop received."""

    status: int
    body: str

    @property
    def receipt_id(self) -> str | None:
        """Return the receipt id if this is a response of ours, or None."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        named = document.get("receipt_id") if isinstance(document, dict) else None
        return named if isinstance(named, str) else None


class ShopDelay(Struct, frozen=True):
    """The delay before an attempt, and its parts."""

    schedule_seconds: float
    jitter_seconds: float = 0.0
    retry_after_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Return the whole delay."""
        return max(self.schedule_seconds + self.jitter_seconds, self.retry_after_seconds)


class ShopAttempt(Struct, frozen=True):
    """One request. ``enqueued_at``: when the worker was woken; None if it found the delivery.

    ``delay``: None if it was due immediately. ``skipped_seconds``: the part of the delay that was
    skipped by the sandbox's clock.
    """

    number: int
    started_at: Moment
    duration_ms: int
    trigger: str
    request: ShopRequest
    enqueued_at: Moment | None = None
    response: ShopResponse | None = None
    error: str | None = None
    decided_at: Moment | None = None
    delay: ShopDelay | None = None
    skipped_seconds: float = 0.0


class ShopDelivery(Struct, frozen=True):
    """One message for one endpoint. ``attempts``: oldest first."""

    id: str
    message_id: str
    endpoint_id: str
    event_type: str
    state: str
    created_at: Moment
    order_id: str | None = None
    next_attempt_at: Moment | None = None
    completed_at: Moment | None = None
    attempts: list[ShopAttempt] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Return whether the state is final."""
        return self.state not in ("pending", "sending")


class ListedDelivery(Struct, frozen=True):
    """A delivery in the shop's list."""

    id: str
    endpoint_id: str
    message_id: str = ""
    order_id: str | None = None
    event_type: str = ""
    state: str = ""
    attempt_count: int = 0
    created_at: Moment | None = None
    completed_at: Moment | None = None
    next_attempt_at: Moment | None = None
    last_status: int | None = None


class OrderLine(Struct, frozen=True):
    """One line of an order."""

    product_name: Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]
    quantity: int


class ListedOrder(Struct, frozen=True):
    """An order in the shop's list."""

    id: Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]
    created_at: Moment


class _Orders(Struct, frozen=True):
    data: list[ListedOrder]


class _Order(Struct, frozen=True):
    items: list[OrderLine]


class _List(Struct, frozen=True):
    data: list[ListedDelivery]


def read_list(document: dict[str, Any]) -> list[ListedDelivery]:
    """Parse the response to ``GET /v1/deliveries``. Raise ``ShopUnreachable``."""
    return _read(document, _List).data


def read_orders(document: dict[str, Any]) -> list[ListedOrder]:
    """Parse the response to ``GET /v1/orders``. Raise ``ShopUnreachable``."""
    return _read(document, _Orders).data


def read_delivery(document: dict[str, Any]) -> ShopDelivery:
    """Parse the response to ``GET /v1/deliveries/{id}``. Raise ``ShopUnreachable``."""
    return _read(document, ShopDelivery)


def read_order_lines(document: dict[str, Any]) -> list[OrderLine]:
    """Parse the response to ``GET /v1/orders/{id}``. Raise ``ShopUnreachable``."""
    return _read(document, _Order).items


def _read(document: dict[str, Any], kind: type[Document]) -> Document:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ShopUnreachable(f"The shop's response cannot be read: {error}") from error
