"""The subscriber's tables. Times are UTC; money is integer cents."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Enum, Index, func, literal_column
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col

from hookshop.webkit.tables import FormAnswerColumns, LoginSessionColumns
from subscriber_app.vocabulary import EventType, Reason, Verdict


class SubscriberTable(SQLModel, registry=registry()):
    """Base of all tables here. Its own registry keeps the tables of other applications apart."""


def by_value(values: type[StrEnum]) -> Enum:
    """Return a column type that stores an enum's values; SQLAlchemy stores names by default."""
    return Enum(values, values_callable=list, native_enum=False, length=32)


class Receipt(SubscriberTable, table=True):
    """One incoming request, accepted or not, and its result. Rows are never changed.

    ``headers``: ``[name, value]`` pairs as received. ``steps``: one ``{name, result, detail}`` for
    each ``StepName``. ``message_id``, ``order_id``: from the request, so they may be forged unless
    the request was accepted.
    """

    # For each combination of the inbox's filters, one of these finds the newest rows.
    __table_args__ = (
        Index("receipts_by_verdict", "verdict", "id"),
        # The event type at the end makes filtering by both possible without reading rows.
        Index("receipts_by_reason", "reason", "id", "event_type"),
        Index("receipts_by_event_type", "event_type", "id"),
        Index("receipts_by_order", "order_id", "id"),
        Index("receipts_by_verdict_and_event_type", "verdict", "event_type", "id"),
    )

    id: str = Field(primary_key=True)
    received_at: datetime
    # From the last byte of the request to the verdict, and to the booking, if there is one.
    duration_ms: float
    booked_ms: float | None = None
    verdict: Verdict = Field(sa_type=by_value(Verdict))
    reason: Reason | None = Field(sa_type=by_value(Reason))
    status: int | None  # of the response; None if a fault suppressed it
    message_id: str | None = Field(index=True)
    event_type: str | None
    value_cents: int | None
    headers: list[list[str]] = Field(sa_type=JSON)
    body: bytes
    steps: list[dict[str, Any]] = Field(sa_type=JSON)
    order_id: str | None = None
    fault: str | None = None  # the injected fault, as a script word: "slow:3"


def end_of(id_column: Any) -> ColumnElement[str]:
    """Return the last eight characters of an id, as pages show them: an indexed expression.

    With a bound parameter instead of the literal -8, SQLite would not use the indexes below.
    """
    return func.substr(id_column, literal_column("-8"))


# For searching by the end of an id.
Index("ends_of_receipts", end_of(col(Receipt.id)))
Index("ends_of_messages", end_of(col(Receipt.message_id)))


class Counter(SubscriberTable, table=True):
    """A total that triggers maintain: see ``counters``."""

    __tablename__ = "tally"

    name: str = Field(primary_key=True)
    amount: int


class ProcessedMessageRow(SubscriberTable, table=True):
    """An accepted message, by which duplicates are recognized."""

    __tablename__ = "handled_message"

    id: str = Field(primary_key=True)  # the webhook-id
    body_sha256: str
    receipt_id: str = Field(foreign_key="receipt.id")


class Purchase(SubscriberTable, table=True):
    """Money booked for a message. A refund has a negative value."""

    # Not keyed by message: with de-duplication off, a message may be booked several times.
    receipt_id: str = Field(primary_key=True, foreign_key="receipt.id")
    message_id: str = Field(foreign_key="handled_message.id", index=True)
    event_type: EventType = Field(sa_type=by_value(EventType))
    event_id: str
    order_id: str | None
    value_cents: int
    occurred_at: datetime = Field(index=True)  # the event's ``date``
    booked_at: datetime


class Counting(SubscriberTable, table=True):
    """The start time for counting money: see ``counting``. At most one row."""

    id: int = Field(primary_key=True)
    since: datetime


class PurchaseState(SubscriberTable, table=True):
    """The state of one order, from the events received so far: see ``purchases``."""

    __tablename__ = "purchase_state"

    order_id: str = Field(primary_key=True)
    first_receipt_id: str = Field(index=True)  # sorts by the first event received
    is_overtaken: bool  # another event arrived before purchase.created
    bought_cents: int = 0
    refunded_cents: int = 0  # negative
    bought_at: datetime | None = None  # all three are times of the events, not of their arrival
    shipped_at: datetime | None = None
    refunded_at: datetime | None = None

    @property
    def net_cents(self) -> int:
        """Return the money left after refunds."""
        return self.bought_cents + self.refunded_cents


class Subscription(SubscriberTable, table=True):
    """Our registration with the shop. At most one row."""

    endpoint_id: str = Field(primary_key=True)
    webhook_url: str
    shop_url: str
    event_types: list[str] = Field(sa_type=JSON)
    encrypted_secret: str = Field(sa_column_kwargs={"name": "secret"})
    secret_id: str | None = None  # its public name, if known
    secret_until: datetime | None = None  # set if the shop has a newer secret that we lack
    issuer: str | None = None  # the shop's name for itself in tokens, if known
    created_at: datetime


class FormerSecret(SubscriberTable, table=True):
    """A replaced secret. The shop also signs with it until ``until``: see ``held_secrets``.

    ``endpoint_id``: of its subscription; None if unknown.
    """

    __tablename__ = "former_secret"

    id: int | None = Field(default=None, primary_key=True)
    encrypted_secret: str = Field(sa_column_kwargs={"name": "secret"})
    secret_id: str | None = None
    endpoint_id: str | None = None
    since: datetime
    replaced_at: datetime
    until: datetime


class FaultSetting(SubscriberTable, table=True):
    """The current fault, stored so that a restart does not change it. At most one row."""

    __tablename__ = "fault"

    id: int = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON)  # from ``faults.Fault.document``


class SwitchedOffDefence(SubscriberTable, table=True):
    """A defense that is off, stored so that a restart does not switch it on again."""

    __tablename__ = "switched_off_defence"

    name: str = Field(primary_key=True)


class AttackResult(SubscriberTable, table=True):
    """The prediction for a request from the attack desk. The outcome is in its receipt.

    ``attack``: an ``attacks.Attack``; None for a request from the editor. ``original_id``: the
    receipt of the original request.
    """

    __tablename__ = "attack_result"

    receipt_id: str = Field(primary_key=True, foreign_key="receipt.id")
    original_id: str
    attack: str | None
    predicted_verdict: Verdict = Field(sa_type=by_value(Verdict))
    predicted_reason: Reason | None = Field(sa_type=by_value(Reason))


class MissionProgress(SubscriberTable, table=True):
    """The progress in one mission, from the moment it was started or skipped.

    ``track``: a ``missions.mission.Track``. ``state``: a ``missions.progress.MissionState``.
    ``hints_shown``: how many. ``answers``: by question, the ``text`` and the time ``at``. ``seen``:
    by part, the evidence that proves it. ``is_put_away``: not shown on other pages. ``check``: the
    newest check of the learner's receiver, a ``missions.facts.Check`` as a document.
    """

    __tablename__ = "mission"

    track: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    state: str
    started_at: datetime
    done_at: datetime | None = None
    hints_shown: int = 0
    answers: dict[str, dict[str, str]] = Field(default_factory=dict, sa_type=JSON)
    seen: dict[str, list[dict[str, Any]]] = Field(default_factory=dict, sa_type=JSON)
    is_put_away: bool = False
    check: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class OwnReceiver(SubscriberTable, table=True):
    """The receiver that the learner writes, an endpoint of our shop. At most one row.

    ``probe_url``: where it reports its side effects, or "". ``encrypted_probe_token``: a bearer
    token for it. ``is_registered_here``: if not, a person has registered it at the shop.
    """

    __tablename__ = "own_receiver"

    endpoint_id: str = Field(primary_key=True)
    webhook_url: str
    encrypted_secret: str = Field(sa_column_kwargs={"name": "secret"})
    probe_url: str = ""
    encrypted_probe_token: str | None = Field(
        default=None, sa_column_kwargs={"name": "probe_token"}
    )
    is_registered_here: bool
    created_at: datetime


class Polling(SubscriberTable, table=True):
    """The current or the last period of polling. At most one row.

    ``polls``: requests so far. ``polls_in_vain``: those that found no new order.
    """

    id: int = Field(primary_key=True)
    started_at: datetime
    ends_at: datetime
    polls: int = 0
    polls_in_vain: int = 0


class PolledOrder(SubscriberTable, table=True):
    """An order that polling has found. ``created_at``: by the shop's clock."""

    __tablename__ = "polled_order"

    order_id: str = Field(primary_key=True)
    created_at: datetime
    seen_at: datetime


class Sandbox(SubscriberTable, table=True):
    """A sandbox. Only the main database has any; the data of each is in a database of its own.

    ``number``: increases with each new sandbox. ``token_hash``: None if everything is open.
    """

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(index=True, unique=True)
    shop_url: str
    encrypted_shop_token: str | None = Field(sa_column_kwargs={"name": "shop_token"})
    token_hash: str | None
    created_at: datetime
    expires_at: datetime


class LoginSession(LoginSessionColumns, SubscriberTable, table=True):
    """A person who is logged in."""

    __tablename__ = "login_session"


class FormAnswer(FormAnswerColumns, SubscriberTable, table=True):
    """The response to a form, for a browser that sends the form twice."""

    __tablename__ = "form_answer"
