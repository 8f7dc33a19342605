"""The shop's tables. docs/glossary.md explains the terms.

Rows are plain data: the rules are in ``webhooks`` and ``orders``, and no request is decoded into a
table class. Times are UTC, money is integer cents, ids are text with a prefix for their kind.
"""

from datetime import datetime
from enum import StrEnum
from operator import eq, ne
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Enum,
    Index,
    String,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import registry
from sqlalchemy.sql.operators import OperatorType
from sqlmodel import Field, SQLModel, col

from hookshop.webkit.tables import FormAnswerColumns, LoginSessionColumns
from shop.database.bound_sandbox import require_number
from shop.vocabulary import DeliveryState, EndpointStatus, EventType, RefusalReason, Trigger
from shop.webhooks.rules.concurrency import MIN_CONCURRENCY


class ShopTable(SQLModel, registry=registry()):
    """Base of all tables. Its own registry keeps it apart from the tables of other applications."""


class SandboxTable(ShopTable):
    """Base of all tables whose rows belong to a sandbox: see ``bound_session``.

    ``SANDBOX_LEADS``: whether all indexes that queries use begin with the sandbox.
    """

    SANDBOX_LEADS: ClassVar[bool] = False


def sandbox_column(*, primary_key: bool = False) -> Any:
    """Return the column with the number of a row's sandbox. A new row gets the bound one."""
    return Field(
        default=None,
        primary_key=primary_key,
        nullable=False,
        sa_column_kwargs={"default": require_number, "autoincrement": False},
    )


def by_value(values: type[StrEnum], column_type: type[Enum] = Enum) -> Enum:
    """Return a column type that stores an enum's values. SQLAlchemy's default stores its names."""
    return column_type(values, values_callable=list, native_enum=False, length=32)


def _where(condition: str) -> dict[str, Any]:
    """Return the arguments for an index of those rows that meet the condition."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class LiteralStates(Enum):
    """A column type for a state. Comparisons write the state into the SQL, not as a parameter.

    SQLite uses an index of the rows in some states only if it sees the state in the statement.
    """

    class LiteralComparator(Enum.Comparator):
        """Replaces the states in ``==`` and ``!=``."""

        def operate(self, op: OperatorType, *other: Any, **options: Any) -> ColumnElement[Any]:
            """Return the comparison."""
            if op in {eq, ne} and isinstance(other[0], StrEnum):
                other = (literal_column(f"'{other[0].value}'"),)
            return super().operate(op, *other, **options)

    comparator_factory = LiteralComparator


# Compare ids byte by byte, because lists are paginated by id. SQLite does so by default. PostgreSQL
# uses the collation of the database: in a Danish one, ``aa`` would come after ``z``.
Id = String().with_variant(String(collation="C"), "postgresql")


class Sandbox(ShopTable, table=True):
    """One demo of many in the same processes. ``main`` has the number 0 and never ends.

    Settings that are None are those of the process. Rows of a dropped sandbox are deleted in small
    steps, and this one last.
    """

    __table_args__ = (
        # A dropped sandbox gives its id free.
        Index(
            "one_live_sandbox_per_id",
            "id",
            unique=True,
            sqlite_where=text("dropped_at IS NULL"),
            postgresql_where=text("dropped_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},  # a number is never used again
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str
    token_hash: str | None = None  # None: the shop has no admin token
    created_at: datetime
    expires_at: datetime | None = None  # None: never
    dropped_at: datetime | None = None
    retry_schedule: str | None = None  # as in SHOP_RETRY_SCHEDULE
    jitter: float | None = None
    request_timeout_seconds: float | None = None
    breaker_failures: int | None = None  # 0: the circuit breaker never opens
    disable_after_failures: int | None = None  # 0: endpoints are never disabled


class Order(SandboxTable, table=True):
    """A purchase. ``total_cents`` is the sum of its lines, at the prices when it was placed."""

    __tablename__ = "shop_order"  # ORDER is an SQL keyword
    __table_args__ = (
        Index("orders_of_sandbox", "sandbox", "id"),
        Index("orders_by_time", "sandbox", "created_at"),
        Index(
            "refunds_by_time",
            "sandbox",
            "refunded_at",
            sqlite_where=text("refunded_at IS NOT NULL"),
            postgresql_where=text("refunded_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    customer_name: str
    total_cents: int
    created_at: datetime
    shipped_at: datetime | None = None
    refunded_at: datetime | None = None


class UsedIdempotencyKey(SandboxTable, table=True):
    """A client's key for one order, so that repeating the request does not order again."""

    __tablename__ = "used_idempotency_key"
    # Deleting an order looks for its key.
    __table_args__ = (Index("keys_of_orders", "order_id"),)
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str  # hash of the order: the same key with another order is an error
    order_id: str = Field(sa_type=Id, foreign_key="shop_order.id")
    created_at: datetime


class SteadyOrders(SandboxTable, table=True):
    """The switch of the steady orders: a row for each sandbox while it is on there.

    See ``orders.steady``.
    """

    __tablename__ = "steady_orders"
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    next_at: datetime  # when to place the next order
    ends_at: datetime


class SandboxClock(SandboxTable, table=True):
    """How far the plan of a sandbox has been moved: a row for each one in which time was skipped.

    See ``webhooks.clock``. An advance is under way while ``is_advancing``; the other fields say how
    far it still goes at most, and whether it ends earlier: with a delivery, or with the attempt of
    it that has this number.
    """

    __tablename__ = "clock"
    __table_args__ = (
        # For workers, which look for the advances of all sandboxes.
        Index(
            "advancing_clocks",
            "sandbox",
            sqlite_where=text("is_advancing = 1"),
            postgresql_where=text("is_advancing"),
        ),
    )
    SANDBOX_LEADS = True

    sandbox: int = sandbox_column(primary_key=True)
    skipped_ms: int = Field(default=0, sa_type=BigInteger)  # by all advances
    is_advancing: bool = False
    # None: as far as the next attempt, which may not be planned yet.
    remaining_ms: int | None = Field(default=None, sa_type=BigInteger)
    until_delivery_id: str | None = Field(default=None, sa_type=Id)
    until_attempt: int | None = None


class ExamRun(SandboxTable, table=True):
    """A run of the receiver exam, in the sandbox in which it was started. See ``exam.runs``.

    ``alive_until``: renewed while a process plays it; an unfinished run that is not alive ended
    with its process. ``state``: how far it has come, see ``exam.in_process.ExamState``.
    """

    __tablename__ = "exam"
    __table_args__ = (Index("exams_of_sandbox", "sandbox", "id"),)

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    url: str
    started_at: datetime
    alive_until: datetime
    finished_at: datetime | None = None
    state: dict[str, Any] = Field(sa_type=JSON)


class RefusedRegistration(SandboxTable, table=True):
    """A URL that was not registered, because the shop does not send to it. See ``refusals``.

    ``url``: without user name and password, and at most 2,048 characters. ``detail``: the reason
    for people.
    """

    __tablename__ = "refused_registration"
    __table_args__ = (Index("refused_registrations_of_sandbox", "sandbox", "id"),)

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    refused_at: datetime
    url: str
    reason: RefusalReason = Field(sa_type=by_value(RefusalReason))
    detail: str


class OrderLine(SandboxTable, table=True):
    """One product of an order. Name and price are copied, because the catalog may change."""

    __tablename__ = "order_line"

    order_id: str = Field(primary_key=True, sa_type=Id, foreign_key="shop_order.id")
    position: int = Field(primary_key=True)
    sandbox: int = sandbox_column()
    product_id: str
    product_name: str
    unit_price_cents: int
    quantity: int


class Endpoint(SandboxTable, table=True):
    """A registered receiver. A deleted one keeps its row, for the history."""

    __table_args__ = (
        # A URL can be registered once in a sandbox, and again after its endpoint was deleted.
        Index(
            "one_live_endpoint_per_url",
            "sandbox",
            "url_key",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("endpoints_of_sandbox", "sandbox", "id"),
    )
    SANDBOX_LEADS = True

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    webhook_url: str
    # The same for all spellings of a URL, see ``rules.urls``. None if an older version registered
    # several spellings: then only the first one has the key.
    url_key: str | None = None
    description: str
    event_types: list[str] = Field(sa_type=JSON)  # values of EventType
    status: EndpointStatus = Field(sa_type=by_value(EndpointStatus))
    disabled_reason: str | None = None  # why the shop disabled it: "gone" or "failing"
    # Failed deliveries since the last one that succeeded.
    failed_deliveries: int = 0
    # Failed attempts in a row, and when to try again: see ``rules.circuit_breaker``.
    failed_attempts: int = 0
    probe_at: datetime | None = None
    places: int = MIN_CONCURRENCY  # limit of requests in flight, see ``rules.concurrency``
    hold_until: datetime | None = None  # the endpoint asked to wait until then: Retry-After
    created_at: datetime
    deleted_at: datetime | None = None


class EndpointSecret(SandboxTable, table=True):
    """A signing secret. An endpoint has several live secrets during a rotation."""

    __tablename__ = "endpoint_secret"

    id: str = Field(primary_key=True, sa_type=Id)  # its public name, sent as ``kid``
    sandbox: int = sandbox_column()
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id", index=True)
    locked_secret: str  # encrypted, see ``endpoints.encryption``
    created_at: datetime
    expires_at: datetime | None = None  # set when a newer secret replaces it


class Message(SandboxTable, table=True):
    """An event with the exact bytes of its body; the id is sent as ``webhook-id``."""

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    event_type: EventType = Field(sa_type=by_value(EventType))
    order_id: str | None = Field(sa_type=Id, foreign_key="shop_order.id", index=True)
    body: bytes
    created_at: datetime


_IN_STATE_INDEX = "state != 'sending'"


class Delivery(SandboxTable, table=True):
    """One message for one endpoint, and the state of sending it."""

    __table_args__ = (
        # A delivery changes its state twice, at least. Each index is only of the states for which
        # it is used, so that a change touches few of them. For one sandbox:
        Index("due_deliveries", "sandbox", "next_attempt_at", **_where("state = 'pending'")),
        # For workers, which look for the due deliveries of all sandboxes.
        Index(
            "pending_deliveries",
            *("endpoint_id", "next_attempt_at", "sandbox"),
            **_where("state = 'pending'"),
        ),
        # Always small: it has no more entries than workers have slots.
        Index("sending_deliveries", "endpoint_id", "sandbox", **_where("state = 'sending'")),
        # One for each filter of the log, so that its newest rows are found quickly. Indexes with
        # the state include the event type: filtering by both needs no access to the table.
        Index("deliveries_of_sandbox", "sandbox", "id"),
        Index(
            "deliveries_by_state",
            *("sandbox", "state", "id", "event_type"),
            **_where(_IN_STATE_INDEX),
        ),
        Index("deliveries_by_event_type", "sandbox", "event_type", "id"),
        Index("deliveries_by_endpoint", "endpoint_id", "id", "sandbox"),
        Index(
            "deliveries_by_endpoint_and_state",
            *("endpoint_id", "state", "id", "event_type", "sandbox"),
            **_where(_IN_STATE_INDEX),
        ),
        Index(
            "deliveries_by_endpoint_and_event_type",
            *("endpoint_id", "event_type", "id", "sandbox"),
        ),
        # Always small, even if an open circuit breaker holds back a large backlog.
        Index(
            "deliveries_that_pass_breakers",
            "state",
            "next_attempt_at",
            sqlite_where=text("passes_breaker = 1"),
            postgresql_where=text("passes_breaker"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Id)
    sandbox: int = sandbox_column()
    message_id: str = Field(sa_type=Id, foreign_key="message.id", index=True)
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id")
    # Copied from the message, so that the log can filter without a join.
    event_type: EventType = Field(sa_type=by_value(EventType))
    state: DeliveryState = Field(sa_type=by_value(DeliveryState, LiteralStates))
    attempt_count: int = 0
    reconnect_count: int = 0  # of these attempts, those that used up no step of the schedule
    # Whether it has used up its schedule and was counted in its endpoint's failed_deliveries.
    counted_as_failed: bool = False
    next_attempt_at: datetime | None
    waits_since: datetime  # when next_attempt_at was set
    # How much nearer skipped time has brought next_attempt_at since then: see ``SandboxClock``.
    skipped_ms: int = Field(default=0, sa_type=BigInteger)
    next_trigger: Trigger = Field(default=Trigger.AUTOMATIC, sa_type=by_value(Trigger))
    # A person resent this delivery, so its next attempt ignores an open circuit breaker.
    passes_breaker: bool = False
    # The reason for next_attempt_at: the fields of ``retries.Delay``, or None without a delay.
    next_delay: dict[str, float] | None = Field(default=None, sa_type=JSON)
    # The fencing number: it counts claims, so that a worker whose lease expired is refused.
    fence: int = 0
    lease_expires_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime
    completed_at: datetime | None = None


def is_in_state_index() -> ColumnElement[bool]:
    """Return a condition that all deliveries meet but those that are being sent.

    SQLite uses the indexes ``deliveries_by_…state`` only for queries that have it.
    """
    return col(Delivery.state) != DeliveryState.SENDING


class Attempt(SandboxTable, table=True):
    """One HTTP request of a delivery and its response. Rows are never changed.

    The body of the request is the message's: the bytes sent are the bytes stored.
    """

    __table_args__ = (
        # All columns needed for an endpoint's newest responses, so that no row must be fetched.
        Index(
            "attempts_of_endpoint",
            *("endpoint_id", "started_at", "response_status", "duration_ms", "sandbox"),
        ),
    )

    delivery_id: str = Field(primary_key=True, sa_type=Id, foreign_key="delivery.id")
    number: int = Field(primary_key=True)
    sandbox: int = sandbox_column()
    # Copied from the delivery, for the endpoint's health.
    endpoint_id: str = Field(sa_type=Id, foreign_key="endpoint.id")
    trigger: Trigger = Field(sa_type=by_value(Trigger))
    # Copied from the delivery: when the attempt was scheduled, when it was due, and the delay
    # between (the fields of ``retries.Delay``). ``skipped_ms`` of that delay was skipped.
    decided_at: datetime | None = None
    due_at: datetime | None = None
    skipped_ms: int = Field(default=0, sa_type=BigInteger)
    delay: dict[str, float] | None = Field(default=None, sa_type=JSON)
    enqueued_at: datetime | None = None  # time of the wake-up; None: found by polling
    started_at: datetime
    duration_ms: int
    # Durations of the phases that are known: the fields of ``stopwatch.Timings``.
    timings: dict[str, float | bool] | None = Field(default=None, sa_type=JSON)
    request_url: str
    request_headers: dict[str, str] = Field(sa_type=JSON)
    response_status: int | None
    response_headers: dict[str, str] | None = Field(sa_type=JSON)
    response_body: bytes | None
    response_truncated: bool
    error: (
        str | None
    )  # why there was no response, such as connection_refused (see docs/contract.md)
    error_detail: str | None  # the message of the network library


class LoginSession(LoginSessionColumns, ShopTable, table=True):
    """A person who is logged in."""

    __tablename__ = "login_session"


class FormAnswer(FormAnswerColumns, ShopTable, table=True):
    """The response to a form, for a browser that sends the form twice."""

    __tablename__ = "form_answer"


def id_suffix(id_column: Any) -> ColumnElement[str]:
    """Return SQL for the last eight digits of an id, which pages show.

    ``dlv_`` and 24 digits come before them. The number is a literal, because with a parameter the
    database would not use the indexes below.
    """
    return func.substr(id_column, literal_column("29"))


# To search for the part of an id that pages show.
Index("ends_of_deliveries", id_suffix(col(Delivery.id)))
Index("ends_of_messages", id_suffix(col(Message.id)))
Index("ends_of_orders", id_suffix(col(Order.id)))
