"""A receiver that believes everything until its defenses are turned on, one by one.

The defenses have the names of the subscriber's: docs/attacks.md explains each. A defense that is
off still looks: it says what it would have noticed.
"""

import json
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from hookshop.testing.verification import Expected, Headers, Verification, parse_event, verify

ORDER_STATES = ("purchase.created", "purchase.shipped", "purchase.refunded")


class Defense(StrEnum):
    """The defenses, named as in ``/v1/defences`` of the subscriber."""

    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"
    TOKEN = "token"  # noqa: S105 – not a password
    RAW_BODY = "raw_body"
    DEDUPLICATION = "deduplication"


# The steps of the verification that a defense is about.
STEPS = {
    Defense.SIGNATURE: "signature",
    Defense.TIMESTAMP: "timestamp",
    Defense.TOKEN: "token",
}
CREDENTIALS = {Defense.SIGNATURE, Defense.TOKEN}


class BadDefenses(ValueError):  # noqa: N818 – the name says what happened
    """There is no such defense. The message is one line for the user."""


@dataclass(slots=True)
class _Booked:
    times: int = 0
    cents: int = 0


class NaiveReceiver:
    """Decides by the defenses that are on, and remembers what it booked. Safe to use in threads."""

    def __init__(self, on: Iterable[Defense] = ()) -> None:
        self._on = frozenset(on)
        self._booked: dict[str, _Booked] = {}
        self._states: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def on(self) -> frozenset[Defense]:
        """Return the defenses that are on now."""
        return self._on

    def defenses(self) -> dict[str, bool]:
        """Return each defense, and whether it is on."""
        return {each.value: each in self._on for each in Defense}

    def change(self, wanted: Mapping[Defense, bool]) -> None:
        """Turn these on or off, from the next webhook on."""
        with self._lock:
            kept = self._on - wanted.keys()
            self._on = kept | {each for each, is_on in wanted.items() if is_on}

    def verify(self, headers: Headers, body: bytes, expected: Expected) -> Verification:
        """Return each step. Those whose defense is off are ``ignored`` instead of ``failed``."""
        off = frozenset(Defense) - self._on
        ignored = {STEPS[each] for each in off if each in STEPS}
        if off >= CREDENTIALS:
            ignored.add("headers")  # without either, nothing needs them
        verified = body if Defense.RAW_BODY in self._on else serialized_again(body)
        return verify(headers, verified, expected, ignored=ignored)

    def book(self, message_id: str, body: bytes) -> int:
        """Do the work of an accepted webhook. Return how often its message is booked by now.

        With de-duplication, a message is booked once. Other events never are.
        """
        event = parse_event(body) or {}
        if event.get("type") not in ORDER_STATES:
            return 0
        with self._lock:
            booked = self._booked.setdefault(message_id, _Booked())
            if not booked.times or Defense.DEDUPLICATION not in self._on:
                booked.times += 1
                booked.cents += _cents(event.get("value"))
                self._move_order(str(event.get("order_id")), ORDER_STATES.index(event["type"]))
            return booked.times

    def effects(self, message_id: str) -> dict[str, Any]:
        """Return what the exam asks about a message: ``{"times": 1, "value": 50.75}``."""
        with self._lock:
            booked = replace(self._booked.get(message_id, _Booked()))
        return {"times": booked.times, "value": booked.cents / 100}

    def state_of(self, order_id: str) -> dict[str, Any]:
        """Return what the exam asks about an order: ``{"state": "refunded"}``, or null."""
        with self._lock:
            state = self._states.get(order_id)
        return {"state": None if state is None else ORDER_STATES[state].removeprefix("purchase.")}

    def _move_order(self, order_id: str, state: int) -> None:
        self._states[order_id] = max(state, self._states.get(order_id, 0))


def _cents(value: object) -> int:
    # True is also an int.
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 0
    return round(value * 100)


def serialized_again(body: bytes) -> bytes:
    """Return the JSON of a body as another program would write it; other bodies as they are."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return body
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def parse_defenses(names: str) -> tuple[Defense, ...]:
    """Return the defenses in a text such as ``signature,timestamp``. Raise ``BadDefenses``."""
    return tuple(_known(word) for word in names.replace(",", " ").split())


def parse_change(document: object) -> dict[Defense, bool]:
    """Return the change in ``{"signature": true}``. Raise ``BadDefenses``."""
    if isinstance(document, dict) and all(type(is_on) is bool for is_on in document.values()):
        return {_known(name): is_on for name, is_on in document.items()}
    raise BadDefenses('send an object such as {"signature": true}')


def _known(name: str) -> Defense:
    try:
        return Defense(name)
    except ValueError:
        raise BadDefenses(f"{name!r} is not a defense. Use {', '.join(Defense)}") from None
