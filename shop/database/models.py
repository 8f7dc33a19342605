"""The shop's tables, in the words of the README's glossary.

Rows are plain data: rules live in ``webhooks`` and ``orders``, and no request is ever bound to a
table. Times are UTC; money is integer cents; ids are text with a prefix that names their kind.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Enum, Index, String, func, literal_column, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col

from shop.vocabulary import DeliveryState, EndpointStatus, EventType, Trigger
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY


class ShopTable(SQLModel, registry=registry()):
    """Base of all tables here; its own registry, so that another app's tables cannot collide."""


def by_value(values: type[StrEnum]) -> Enum:
    """Column type that stores an enum's values; SQLAlchemy's default would store its names."""
    return Enum(values, values_callable=list, native_enum=False, length=32)


# Ids are compared byte by byte, since pages follow each other by them. SQLite does so anyhow; for
# PostgreSQL, in a Danish database, ``aa`` would come after ``z``.
Id = String().with_variant(String(collation="C"), "postgresql")


class Order(ShopTable, table=True):
    """A purchase. ``total_cents`` is the sum of its lines, at the prices of that moment."""

    __tablename__ = "shop_order"  # ORDER is a word of SQL
    __table_args__ = (
        Index(
            "refunds_by_time",
            "refunded_at",
            sqlite_where=text("refunded_at IS NOT NULL"),
            postgresql_where=text("refunded_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Id)
    customer_name: str
    total_cents: int
    created_at: datetime = Field(index=True)
    shipped_at: datetime | None = None
    refunded_at: datetime | None = None


class UsedIdempotencyKey(ShopTable, table=True):
    """A client's name for one wish to order, so that asking again does not order again."""

    __tablename__ = "used_idempotency_key"

    key: str = Field(primary_key=True)
    fingerprint: str  # of what was ordered: the same key with another order is a mistake
    order_id: str = Field(sa_type=Id, foreign_key="shop_order.id")
    created_at: datetime


class OrderLine(ShopTable, table=True):
    """One product of an order; name and price are copied, since the catalogue may change."""

    __tablename__ = "order_line"

    order_id: str = Field(primary_key=True, sa_type=Id, foreign_key="shop_order.id")
    position: int = Field(primary_key=True)
    product_id: str
    product_name: str
    unit_price_cents: int
    quantity: int


class Endpoint(ShopTable, table=True):
    """A registered receiver. Deleting keeps the row, so that history stays readable."""

    __table_args__ = (
        # A URL is registered once, but may be registered anew after it was deleted.
        Index(
            "one_live_endpoint_per_url",
            "url_key",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Id)
    webhook_url: str
    # See ``webhooks.urls``: the same for all spellings of the URL. None where a database held
    # another spelling of it before there were keys.
    url_key: str | None = None
    description: str
    event_types: list[str] = Field(sa_type=JSON)  # values of EventType
    status: EndpointStatus = Field(sa_type=by_value(EndpointStatus))
    disabled_reason: str | None = None  # why the shop disabled it: "gone" or "failing"
    # Deliveries that used up their schedule since the last one that succeeded.
    failed_deliveries: int = 0
    # See ``rules.circuit_breaker``: attempts in a row that failed, and when to try again.
    failed_attempts: int = 0
    probe_at: datetime | None = None
    places: int = MIN_CONCURRENCY  # how many requests may be in flight, see ``rules.concurrency``
    hold_until: datetime | None = None  # the endpoint asked for that much patience: Retry-After
    created_at: datetime
    deleted_at: datetime | None = None


class EndpointSecret(ShopTable, table=True):
    """A signing secret. More than one is live while an endpoint's secret is being rotated."""

    __tablename__ = "endpoint_secret"

    id: str = Field(primary_key=True, sa_type=Id)  # its public name, sent as ``kid``
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id", index=True)
    locked_secret: str  # see ``webhooks.encryption``
    created_at: datetime
    expires_at: datetime | None = None  # set when a newer one takes its place


class Message(ShopTable, table=True):
    """An event with the exact bytes of its body; the id is sent as ``webhook-id``."""

    id: str = Field(primary_key=True, sa_type=Id)
    event_type: EventType = Field(sa_type=by_value(EventType))
    order_id: str | None = Field(sa_type=Id, foreign_key="shop_order.id", index=True)
    body: bytes
    created_at: datetime


class Delivery(ShopTable, table=True):
    """One message for one endpoint: the state machine that the worker moves on."""

    __table_args__ = (
        Index("due_deliveries", "state", "next_attempt_at"),
        Index("deliveries_of_endpoint", "endpoint_id", "state", "next_attempt_at"),
        # For the oldest that waits; a delivery that has come to its end is not in it.
        Index(
            "unfinished_deliveries",
            "endpoint_id",
            "created_at",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        # Each filter of the log finds its newest rows in one of these, however many there are.
        # Those with the state end with the event type: to filter by it, too, no row is fetched.
        Index("deliveries_by_state", "state", "id", "event_type"),
        Index("deliveries_by_endpoint", "endpoint_id", "id"),
        Index("deliveries_by_endpoint_and_state", "endpoint_id", "state", "id", "event_type"),
        Index("deliveries_by_event_type", "event_type", "id"),
        Index("deliveries_by_endpoint_and_event_type", "endpoint_id", "event_type", "id"),
        # Few rows at any time, however large a backlog an open circuit breaker holds back.
        Index(
            "deliveries_that_pass_breakers",
            "state",
            "next_attempt_at",
            sqlite_where=text("passes_breaker = 1"),
            postgresql_where=text("passes_breaker"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Id)
    message_id: str = Field(sa_type=Id, foreign_key="message.id", index=True)
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id")
    # Copied from the message, so that the log filters without a join.
    event_type: EventType = Field(sa_type=by_value(EventType))
    state: DeliveryState = Field(sa_type=by_value(DeliveryState))
    attempt_count: int = 0
    reconnect_count: int = 0  # attempts among them that used up no step of the schedule
    # Whether it has used up its schedule once, and counts among its endpoint's failures.
    counted_as_failed: bool = False
    next_attempt_at: datetime | None
    waits_since: datetime  # when next_attempt_at was set
    next_trigger: Trigger = Field(default=Trigger.AUTOMATIC, sa_type=by_value(Trigger))
    # A person sends this one delivery again, so its next attempt ignores an open circuit breaker.
    passes_breaker: bool = False
    # Why then: the fields of ``retries.Delay``; None where nothing had to be waited for.
    next_delay: dict[str, float] | None = Field(default=None, sa_type=JSON)
    # Counts claims. A worker that outlived its lease holds an old number and is refused.
    fence: int = 0
    lease_expires_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime
    completed_at: datetime | None = None


class Attempt(ShopTable, table=True):
    """One HTTP request of a delivery and what came back. Rows are only ever added.

    The request's body is the message's: the bytes sent are the bytes stored.
    """

    __table_args__ = (
        # All that is asked about an endpoint's newest answers, so that no row has to be fetched.
        Index(
            "attempts_of_endpoint", "endpoint_id", "started_at", "response_status", "duration_ms"
        ),
    )

    delivery_id: str = Field(primary_key=True, sa_type=Id, foreign_key="delivery.id")
    number: int = Field(primary_key=True)
    # Copied from the delivery, for the endpoint's health.
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id")
    trigger: Trigger = Field(sa_type=by_value(Trigger))
    # The plan, copied from the delivery: made when, due when, and why then (``retries.Delay``).
    decided_at: datetime | None = None
    due_at: datetime | None = None
    delay: dict[str, float] | None = Field(default=None, sa_type=JSON)
    enqueued_at: datetime | None = None  # the wake-up; None: the worker found it in the database
    started_at: datetime
    duration_ms: int
    # Where the time went, as far as it is known: ``stopwatch.Timings``.
    timings: dict[str, float | bool] | None = Field(default=None, sa_type=JSON)
    request_url: str
    request_headers: dict[str, str] = Field(sa_type=JSON)
    response_status: int | None
    response_headers: dict[str, str] | None = Field(sa_type=JSON)
    response_body: bytes | None
    response_truncated: bool
    error: str | None  # a name from the table "What an answer means"
    error_detail: str | None  # what the network library said


def end_of(id_column: Any) -> ColumnElement[str]:
    """The last eight digits of an id, as pages show them: ``dlv_`` and 24 digits come before.

    An expression with an index of its own, below. Written out, since with a parameter instead of
    the number the database would not recognise it.
    """
    return func.substr(id_column, literal_column("29"))


# A search for what the pages show of an id.
Index("ends_of_deliveries", end_of(col(Delivery.id)))
Index("ends_of_messages", end_of(col(Message.id)))
Index("ends_of_orders", end_of(col(Order.id)))
