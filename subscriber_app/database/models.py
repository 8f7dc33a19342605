"""The subscriber's tables, in the words of the README's glossary.

Rows are plain data: rules live in ``verification`` and ``inbox``. Times are UTC; money is integer
cents.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Enum, Index, func, literal_column
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col

from subscriber_app.vocabulary import EventType, Reason, Verdict


class SubscriberTable(SQLModel, registry=registry()):
    """Base of all tables here; its own registry, so that another app's tables cannot collide."""


def by_value(values: type[StrEnum]) -> Enum:
    """Column type that stores an enum's values; SQLAlchemy's default would store its names."""
    return Enum(values, values_callable=list, native_enum=False, length=32)


class Receipt(SubscriberTable, table=True):
    """One incoming request, accepted or not, and what became of it. Rows are only ever added.

    ``headers``: ``[name, value]`` pairs as they came. ``steps``: one ``{name, result, detail}`` for
    each ``StepName``. ``message_id`` is what the request says, and a fact only if it was found
    genuine.
    """

    # Each filter of the inbox finds its newest rows in one of these, whatever the others say.
    __table_args__ = (
        Index("receipts_by_verdict", "verdict", "id"),
        # With the event type at its end: to filter by both, no row is fetched.
        Index("receipts_by_reason", "reason", "id", "event_type"),
        Index("receipts_by_event_type", "event_type", "id"),
        Index("receipts_by_verdict_and_event_type", "verdict", "event_type", "id"),
    )

    id: str = Field(primary_key=True)
    received_at: datetime
    # Both from the last byte of the request: to the verdict, and to the booking, if there was one.
    duration_ms: float
    booked_ms: float | None = None
    verdict: Verdict = Field(sa_type=by_value(Verdict))
    reason: Reason | None = Field(sa_type=by_value(Reason))
    status: int | None  # of the answer; None when none was given, on purpose
    message_id: str | None = Field(index=True)
    event_type: str | None
    value_cents: int | None
    headers: list[list[str]] = Field(sa_type=JSON)
    body: bytes
    steps: list[dict[str, Any]] = Field(sa_type=JSON)
    fault: str | None = None  # what went wrong with it on purpose, as in a script: "slow:3"


def end_of(id_column: Any) -> ColumnElement[str]:
    """The last eight characters of an id, as pages show them. An expression with indexes, below.

    Written out, since with a parameter instead of the number SQLite would not recognise it.
    """
    return func.substr(id_column, literal_column("-8"))


# A search for what the pages show of an id.
Index("ends_of_receipts", end_of(col(Receipt.id)))
Index("ends_of_messages", end_of(col(Receipt.message_id)))


class Tally(SubscriberTable, table=True):
    """A total that the database keeps up to date by itself: see ``tallies``."""

    name: str = Field(primary_key=True)
    amount: int


class HandledMessage(SubscriberTable, table=True):
    """A message that was accepted: the memory against which duplicates are found."""

    __tablename__ = "handled_message"

    id: str = Field(primary_key=True)  # the webhook-id
    body_sha256: str
    receipt_id: str = Field(foreign_key="receipt.id")


class Purchase(SubscriberTable, table=True):
    """Money that was booked for a message. A refund is a purchase with a negative value."""

    # Not the message: with de-duplication off, one message is booked as often as it comes.
    receipt_id: str = Field(primary_key=True, foreign_key="receipt.id")
    message_id: str = Field(foreign_key="handled_message.id", index=True)
    event_type: EventType = Field(sa_type=by_value(EventType))
    event_id: str
    order_id: str | None
    value_cents: int
    occurred_at: datetime = Field(index=True)  # the event's ``date``
    booked_at: datetime


class Counting(SubscriberTable, table=True):
    """The time from which money is compared with the shop's: see ``counting``. One row at most."""

    id: int = Field(primary_key=True)
    since: datetime


class PurchaseState(SubscriberTable, table=True):
    """What became of one order, from whatever was told of it so far: see ``purchases``."""

    __tablename__ = "purchase_state"

    order_id: str = Field(primary_key=True)
    first_receipt_id: str = Field(index=True)  # sorts by when we first heard of the order
    is_overtaken: bool  # something else was told before purchase.created
    bought_cents: int = 0
    refunded_cents: int = 0  # negative
    bought_at: datetime | None = None  # all three are the event's time, not its arrival's
    shipped_at: datetime | None = None
    refunded_at: datetime | None = None

    @property
    def net_cents(self) -> int:
        """What is left after refunds."""
        return self.bought_cents + self.refunded_cents


class Subscription(SubscriberTable, table=True):
    """Our registration with the shop: one row, or none before and after it."""

    endpoint_id: str = Field(primary_key=True)
    webhook_url: str
    shop_url: str
    event_types: list[str] = Field(sa_type=JSON)
    secret: str
    secret_id: str | None = None  # its public name, if the shop has told it
    secret_until: datetime | None = None  # its end, if the shop has a newer one that we lack
    issuer: str | None = None  # what the shop calls itself in tokens, as soon as it has said so
    created_at: datetime


class FormerSecret(SubscriberTable, table=True):
    """A secret that was replaced. The shop signs with it, too, until then: see ``held_secrets``.

    ``endpoint_id``: of the subscription that it belonged to; None if that is not known.
    """

    __tablename__ = "former_secret"

    id: int | None = Field(default=None, primary_key=True)
    secret: str
    secret_id: str | None = None
    endpoint_id: str | None = None
    since: datetime
    replaced_at: datetime
    until: datetime


class FaultSetting(SubscriberTable, table=True):
    """What goes wrong on purpose, kept so that a restart does not change it. One row at most."""

    __tablename__ = "fault"

    id: int = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON)  # as ``faults.Fault.document`` says


class SwitchedOffDefence(SubscriberTable, table=True):
    """A defence that is off, kept so that a restart does not switch it on again."""

    __tablename__ = "switched_off_defence"

    name: str = Field(primary_key=True)


class AttackResult(SubscriberTable, table=True):
    """What was expected of a request that the attack desk sent; its receipt says what came of it.

    ``attack``: see ``attacks.Attack``; None for a request from the editor.
    ``original_id``: the receipt it was made from.
    """

    __tablename__ = "attack_result"

    receipt_id: str = Field(primary_key=True, foreign_key="receipt.id")
    original_id: str
    attack: str | None
    predicted_verdict: Verdict = Field(sa_type=by_value(Verdict))
    predicted_reason: Reason | None = Field(sa_type=by_value(Reason))
