"""Attacks our own receiver over HTTP, and stores the predictions.

The target is always this process: its URL comes from the settings, never from a person. Each attack
passes through the whole receiver and leaves a receipt, like any other request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from hookshop.webkit.encryption import Encryption
from subscriber_app.config import RECEIVER_PATH
from subscriber_app.connections import SharedConnections
from subscriber_app.database.models import AttackResult, ProcessedMessageRow, Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.faults import Faults
from subscriber_app.lab.attacks import (
    Attack,
    Forgery,
    ImpossibleAttack,
    Prediction,
    Situation,
    Target,
    build_attack,
    predict,
)
from subscriber_app.receiving.decision import ProcessedMessage
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.verification import Expectation, IncomingRequest
from subscriber_app.shop_api.held_secrets import Trust, read_trust
from subscriber_app.vocabulary import Reason

TIMEOUT_SECONDS = 10.0
UNKNOWN_ISSUER = "the attack desk"  # in our tokens, until the shop's issuer is known


class NoReceipt(Exception):  # noqa: N818 – the name says what happened
    """The receiver did not name the receipt of the request."""


class Unsendable(Exception):  # noqa: N818 – the name says what happened
    """HTTP does not allow this request; the message says why."""


@dataclass(frozen=True, slots=True)
class AttackPredictor:
    """Predicts the attacks on one receipt's request.

    ``known``: the situation of requests with the receipt's message id. ``unknown``: of all others.
    """

    target: Target
    known: Situation
    unknown: Situation

    def predictions(self) -> dict[Attack, Prediction | ImpossibleAttack]:
        """Return the prediction for every attack, or why the attack is impossible.

        Pure, but slow for a large body, which is signed and parsed several times for each attack.
        """
        own_id = message_id_of(self.target.request)
        found: dict[Attack, Prediction | ImpossibleAttack] = {}
        for attack in Attack:
            try:
                sent = build_attack(attack, self.target)
            except ImpossibleAttack as error:
                found[attack] = error
                continue
            is_known = message_id_of(sent) == own_id
            found[attack] = predict(sent, self.known if is_known else self.unknown)
        return found


class AttackDesk:
    """Sends attacks. ``local_url``: where we listen. ``webhook_url``: our audience by default."""

    def __init__(  # noqa: PLR0913 – a prediction depends on all of these
        self,
        database: Database,
        defences: DefenceSwitches,
        faults: Faults,
        encryption: Encryption,
        connections: SharedConnections,
        *,
        local_url: str,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._defences = defences
        self._faults = faults
        self._encryption = encryption
        self._webhook_url = webhook_url
        self._now = now
        self._http = connections.client(local_url, timeout_seconds=TIMEOUT_SECONDS)

    async def predictor(self, receipt: Receipt) -> "AttackPredictor":
        """Return the predictor for attacks on this receipt's request, as of now."""
        trust, original = await self.trust(), request_of(receipt)
        return AttackPredictor(
            target=self._target(original, trust),
            known=self._situation(trust, await self._processed(original)),
            unknown=self._situation(trust, None),
        )

    async def attack(self, receipt: Receipt, attack: Attack) -> str:
        """Send this variant of a receipt's request, and return the id of the new receipt.

        Raise ``ImpossibleAttack``, ``Unsendable`` or ``NoReceipt``.
        """
        sent = build_attack(attack, self._target(request_of(receipt), await self.trust()))
        return await self._send(receipt, sent, attack)

    async def send(self, receipt: Receipt, request: IncomingRequest) -> str:
        """Send an edited request, and return the id of the new receipt.

        Raise ``Unsendable`` or ``NoReceipt``.
        """
        return await self._send(receipt, request, None)

    async def predict(self, sent: Forgery | IncomingRequest) -> Prediction:
        """Return the prediction for a request that arrives now."""
        return predict(sent, self._situation(await self.trust(), await self._processed(sent)))

    async def trust(self) -> Trust:
        """Return secrets, audience and issuer to sign with; no secrets without a subscription."""
        now = self._now()
        trust = await self._database.read(
            lambda connection: read_trust(connection, now, self._encryption)
        )
        return trust or Trust((), self._webhook_url, None)

    def unix_now(self) -> int:
        """Return the time in whole unix seconds, as in ``webhook-timestamp``."""
        return int(self._now().timestamp())

    def _target(self, request: IncomingRequest, trust: Trust) -> Target:
        return Target(
            request,
            trust.secrets,
            trust.audience,
            trust.issuer or UNKNOWN_ISSUER,
            self._now().timestamp(),
            new_id=f"msg_attack_{uuid7().hex}",
        )

    def _situation(self, trust: Trust, processed: ProcessedMessage | None) -> Situation:
        expected = Expectation(
            trust.secrets,
            trust.audience,
            self._now().timestamp(),
            self._defences.off,
            trust.issuer,
        )
        action = self._faults.current.action
        fails = action is not None and action.rejection is not None
        return Situation(expected, processed, Reason.SIMULATED_FAULT if fails else None)

    async def _processed(self, sent: Forgery | IncomingRequest) -> ProcessedMessage | None:
        async with self._database.reading() as session:
            row = await session.get(ProcessedMessageRow, message_id_of(sent))
        return ProcessedMessage(row.body_sha256, row.receipt_id) if row else None

    async def _send(
        self, receipt: Receipt, sent: Forgery | IncomingRequest, attack: Attack | None
    ) -> str:
        prediction = await self.predict(sent)
        receipt_id = await self._post(sent.request if isinstance(sent, Forgery) else sent)
        async with self._database.writing() as session:
            session.add(
                AttackResult(
                    receipt_id=receipt_id,
                    original_id=receipt.id,
                    attack=attack.value if attack else None,
                    predicted_verdict=prediction.verdict,
                    predicted_reason=prediction.reason,
                )
            )
        return receipt_id

    async def _post(self, request: IncomingRequest) -> str:
        newest_before = await self._newest_receipt_id()
        try:
            response = await self._http.post(
                RECEIVER_PATH, content=request.body, headers=_bytes(request.headers)
            )
        except httpx.LocalProtocolError as error:
            raise Unsendable(f"HTTP does not allow this request: {error}") from error
        except httpx.HTTPError as error:
            named, problem = None, f"the receiver sent no response: {type(error).__name__}"
        else:
            named = _receipt_id(response)
            problem = f"the receiver answered {response.status_code} and named no receipt"
        # A fault may suppress the response, but the receipt is written anyway.
        receipt_id = named or await self._newest_receipt_id(request, newest_before)
        if receipt_id is None:
            raise NoReceipt(problem)
        return receipt_id

    async def _newest_receipt_id(
        self, request: IncomingRequest | None = None, after: str | None = None
    ) -> str | None:
        """Return the newest receipt id; with a request, of its message and later than ``after``."""
        newest = select(Receipt.id).order_by(col(Receipt.id).desc()).limit(1)
        if request:
            newest = newest.where(
                Receipt.message_id == request.header("webhook-id"), Receipt.id > (after or "")
            )
        async with self._database.reading() as session:
            return (await session.exec(newest)).first()


def request_of(receipt: Receipt) -> IncomingRequest:
    """Return the request that the receipt stores."""
    return IncomingRequest([(name, value) for name, value in receipt.headers], receipt.body)


def message_id_of(sent: Forgery | IncomingRequest) -> str:
    """Return the request's ``webhook-id``, or an empty string."""
    request = sent.request if isinstance(sent, Forgery) else sent
    return request.header("webhook-id") or ""


def _bytes(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    # The receiver decodes ASGI's bytes as Latin-1.
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _receipt_id(response: httpx.Response) -> str | None:
    try:
        document: Any = response.json()
    except (ValueError, RecursionError):
        return None
    found = document.get("receipt_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
