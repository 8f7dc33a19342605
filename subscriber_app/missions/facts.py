"""The facts by which missions are judged: what has happened since the mission was started. Pure.

Times are UTC. Money is integer cents. All sequences are oldest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from subscriber_app.receiving.defences import NONE_OFF, SwitchedOff
from subscriber_app.vocabulary import Reason, Verdict

EDITED = "edited"  # instead of the name of an attack: the request comes from the editor
FIRST_ERROR_STATUS = 300


class Kind(StrEnum):
    """What the id of an ``Evidence`` names."""

    RECEIPT = "receipt"
    MESSAGE = "message"
    ORDER = "order"
    DELIVERY = "delivery"
    ATTEMPT = "attempt"  # the id is that of its delivery
    ENDPOINT = "endpoint"
    EXAM = "exam"  # the id is that of the exam, with #case-… for the place of a case
    VALUE = "value"  # not an id: a text for people


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row that proves a part of a mission. ``name``: by which the explanation refers to it."""

    name: str
    kind: Kind
    id: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiptFact:
    """A request that the subscriber received.

    ``attack``: an ``attacks.Attack``, or ``EDITED``; None for a request from elsewhere.
    ``credentials``: timestamp, signature and token as received: a replay has those of the original.
    ``signatures``: how many the header ``webhook-signature`` has.
    """

    id: str
    received_at: datetime
    verdict: Verdict
    reason: Reason | None = None
    status: int | None = 200
    fault: str | None = None
    message_id: str | None = None
    order_id: str | None = None
    event_type: str | None = None
    value_cents: int | None = None
    attack: str | None = None
    credentials: tuple[str, ...] = ()
    signatures: int = 1
    is_signed_with_old_secret: bool = False

    @property
    def is_genuine(self) -> bool:
        """Return whether the shop sent it, and it was accepted."""
        return self.attack is None and self.verdict is Verdict.ACCEPTED

    def evidence(self, name: str) -> Evidence:
        """Return this receipt as evidence."""
        return Evidence(name, Kind.RECEIPT, self.id, self.received_at)


@dataclass(frozen=True, slots=True)
class BookingFact:
    """Money booked for a message."""

    receipt_id: str
    message_id: str
    value_cents: int


@dataclass(frozen=True, slots=True)
class PurchaseFact:
    """An order as the subscriber knows it, from all events that have arrived."""

    order_id: str
    is_bought: bool
    is_refunded: bool


@dataclass(frozen=True, slots=True)
class AttemptFact:
    """One request of the shop. ``error``: set if there was no response.

    ``schedule_seconds``: the delay before it in the retry schedule; None if it was due immediately.
    ``retry_after_seconds``: the delay that the receiver asked for, or 0. ``skipped_seconds``: the
    part of the delay that was skipped. ``signatures``: how many the request had.
    """

    number: int
    started_at: datetime
    ended_at: datetime
    status: int | None = 200
    error: str | None = None
    decided_at: datetime | None = None
    schedule_seconds: float | None = None
    delay_seconds: float = 0.0
    retry_after_seconds: float = 0.0
    skipped_seconds: float = 0.0
    receipt_id: str | None = None
    signatures: int = 1

    @property
    def has_succeeded(self) -> bool:
        """Return whether the response was a success."""
        return self.status is not None and self.status < FIRST_ERROR_STATUS

    @property
    def seconds(self) -> float:
        """Return how long the request took."""
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class DeliveryFact:
    """A delivery of the shop to this subscriber. ``attempts``: only if the mission needs them.

    ``last_status``: of the response to the last attempt; None if there was none.
    """

    id: str
    message_id: str
    order_id: str | None
    event_type: str
    state: str
    attempt_count: int
    created_at: datetime
    completed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    last_status: int | None = None
    endpoint_id: str = ""
    attempts: Sequence[AttemptFact] = ()

    @property
    def has_succeeded(self) -> bool:
        """Return whether the receiver has it."""
        return self.state == "succeeded"

    def next_attempt(self, now: datetime) -> str:
        """Return when the next attempt is due, or that one is under way; "" without any."""
        if self.state == "sending":
            return "an attempt is under way: wait for its end"
        if self.next_attempt_at is None:
            return ""
        seconds = max(0, round((self.next_attempt_at - now).total_seconds()))
        return f"the next attempt is due in {seconds} s"


@dataclass(frozen=True, slots=True)
class EndpointFact:
    """An endpoint at the shop. ``is_ours``: it is the subscription of this subscriber.

    In the Build track, it is the learner's receiver. ``disabled_reason``: why the shop disabled it,
    or "".
    """

    id: str
    webhook_url: str
    status: str
    created_at: datetime
    is_ours: bool = False
    breaker: str = "closed"
    disabled_reason: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionFact:
    """Our registration. ``fingerprint``: of its newest secret; "" if that is unreadable."""

    endpoint_id: str
    webhook_url: str
    created_at: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RefusalFact:
    """A registration that the shop refused. ``reason``: its name for why."""

    url: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PollsFact:
    """A period of polling. ``in_vain``: how many of the requests found no new order."""

    started_at: datetime
    ends_at: datetime
    count: int
    in_vain: int


@dataclass(frozen=True, slots=True)
class OrderSeenFact:
    """An order, and how late each way has told of it; None as long as it has not.

    ``created_at``: None as long as only a webhook has told of it.
    """

    order_id: str
    created_at: datetime | None
    webhook_seconds: float | None
    polling_seconds: float | None


@dataclass(frozen=True, slots=True)
class FormerSecretFact:
    """A secret that was replaced. The shop also signs with it until ``until``."""

    fingerprint: str
    replaced_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class OwnReceiverFact:
    """The receiver that the learner writes. ``has_probe``: it reports its side effects."""

    endpoint_id: str
    webhook_url: str
    created_at: datetime
    has_probe: bool


@dataclass(frozen=True, slots=True)
class CaseFact:
    """A case of the exam with its verdict. ``got``: what came, for people."""

    name: str
    group: str
    level: str
    verdict: str
    got: str


@dataclass(frozen=True, slots=True)
class Check:
    """An exam of the learner's receiver, with the cases so far.

    ``total``: the number of cases. ``playing``: the current one, or "". ``problem``: why it ended
    early, or "".
    """

    exam_id: str
    started_at: datetime
    is_finished: bool = False
    total: int = 0
    playing: str = ""
    problem: str = ""
    cases: tuple[CaseFact, ...] = ()

    def case(self, name: str) -> CaseFact | None:
        """Return the case with this name, if it was judged."""
        return next((each for each in self.cases if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the learner typed, and when."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Money:
    """Booked here minus sold there. ``is_settled``: nothing is on its way."""

    difference_cents: int
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What has happened since ``started_at``, and the state of the subscriber ``now``.

    ``deliveries_elsewhere``: to the endpoints that missions register and that fail on purpose.
    ``seen``: the evidence of each part that was proven at an earlier look, by the part's key.
    ``deliveries``: to this subscriber; in the Build track to the learner's own receiver, and
    ``check`` is the newest exam of it.

    ``skip_left``: how much of a skip of the shop's time is still to come; None without a skip.

    ``money``: None if the shop and the subscriber cannot be compared now. ``shop_problem``: why the
    shop's facts are missing, or "".
    """

    started_at: datetime
    now: datetime
    receipts: Sequence[ReceiptFact] = ()
    bookings: Sequence[BookingFact] = ()
    purchases: Sequence[PurchaseFact] = ()
    deliveries: Sequence[DeliveryFact] = ()
    deliveries_elsewhere: Sequence[DeliveryFact] = ()
    endpoints: Sequence[EndpointFact] = ()
    refusals: Sequence[RefusalFact] = ()
    subscription: SubscriptionFact | None = None
    former_secrets: Sequence[FormerSecretFact] = ()
    money: Money | None = None
    polls: PollsFact | None = None
    orders_seen: Sequence[OrderSeenFact] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    seen: Mapping[str, Sequence[Evidence]] = field(default_factory=dict)
    off: SwitchedOff = NONE_OFF
    is_fault_active: bool = False
    is_crash_armed: bool = False
    has_forged_bookings: bool = False
    shop_problem: str = ""
    own_receiver: OwnReceiverFact | None = None
    check: Check | None = None
    skip_left: timedelta | None = None

    @property
    def is_request_under_way(self) -> bool:
        """Return whether the shop waits for a response of this subscriber."""
        return any(each.state == "sending" for each in self.deliveries)

    @property
    def our_endpoint(self) -> EndpointFact | None:
        """Return the endpoint of this subscriber, or of the learner's receiver, at the shop."""
        return next((each for each in self.endpoints if each.is_ours), None)

    def receipts_of(self, message_id: str) -> list[ReceiptFact]:
        """Return all requests with this message."""
        return [each for each in self.receipts if each.message_id == message_id]

    def bookings_of(self, message_id: str) -> list[BookingFact]:
        """Return all bookings of this message."""
        return [each for each in self.bookings if each.message_id == message_id]
