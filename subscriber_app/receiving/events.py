"""Parses a verified body as an event. Pure, and strict: deviations from the contract are rejected.

Parse only after the verification: before it, the bytes may come from anyone.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from subscriber_app.checklist import VerificationError
from subscriber_app.vocabulary import EventType, Reason

MAX_TEXT_LENGTH = 200
# The database can sum tens of thousands of these, in cents, within 64 bits.
MAX_VALUE = 10**12
MONEY_EVENTS = (EventType.PURCHASE_CREATED, EventType.PURCHASE_REFUNDED)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Event:
    """An event from the shop. ``type``: None for an unknown type.

    ``value_cents``: integer cents, negative for a refund, 0 for an event without money.
    """

    type: EventType | None
    type_name: str
    id: str = ""
    order_id: str | None = None
    value_cents: int = 0
    occurred_at: datetime | None = None


def parse_event(body: bytes) -> Event:
    """Parse ``{"event": {"id", "type", "value", …}, "date"}``. Raise ``VerificationError``.

    Unknown members are allowed, because the shop may add some. Of an event of an unknown type, only
    the type is read.
    """
    document = _json(body)
    event = _member(document, "event", dict)
    type_name = _text(event, "type")
    if type_name not in list(EventType):
        return Event(None, type_name)
    kind = EventType(type_name)
    return Event(
        type=kind,
        type_name=type_name,
        id=_text(event, "id"),
        order_id=_text(event, "order_id") if "order_id" in event else None,
        value_cents=_cents(event) if kind in MONEY_EVENTS else 0,
        occurred_at=_date(document),
    )


def claimed_order_id(body: bytes) -> str | None:
    """Return the order that a body names, even of a forged request; None if it names none."""
    if b"order_id" not in body:
        return None
    try:
        order_id = json.loads(body.decode())["event"]["order_id"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    if not isinstance(order_id, str) or not 0 < len(order_id) <= MAX_TEXT_LENGTH:
        return None
    return order_id if order_id.isprintable() else None


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,  # 50.75 stays 50.75
            parse_constant=_reject_constant,
            object_pairs_hook=_reject_duplicates,
        )
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} is invalid") from None
    except RecursionError:
        raise _malformed("The JSON is nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise _malformed(f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _malformed("The body is not a JSON object")
    return document


def _cents(event: dict[str, Any]) -> int:
    value = event.get("value")
    # type() instead of isinstance(): True is also an int.
    if value is None or type(value) not in {int, Decimal}:
        raise _malformed("event.value is missing or not a number")
    amount = Decimal(value)
    # Not abs(amount), which would overflow for 1e999999999.
    if not -MAX_VALUE < amount < MAX_VALUE or amount != round(amount, 2):
        raise _malformed("event.value is not an amount with at most two decimal places")
    return int(amount * 100)


def _date(document: dict[str, Any]) -> datetime:
    text = _member(document, "date", str)
    if _DATE.fullmatch(text):
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            pass  # such as month 13
    raise _malformed("date is not a time such as 2024-06-30T12:34:56Z")


def _text(members: dict[str, Any], name: str) -> str:
    text: str = _member(members, name, str)
    if not 0 < len(text) <= MAX_TEXT_LENGTH or not text.isprintable():
        raise _malformed(f"{name} is not a printable text of 1 to {MAX_TEXT_LENGTH} characters")
    return text


def _member(members: dict[str, Any], name: str, kind: type) -> Any:
    value = members.get(name)
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a text"
        raise _malformed(f"{name} is missing or not {wanted}")
    return value


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _malformed(detail: str) -> VerificationError:
    return VerificationError(Reason.MALFORMED_EVENT, detail)
