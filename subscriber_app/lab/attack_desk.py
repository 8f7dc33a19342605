"""Attacks our own receiver over HTTP, and keeps what was expected. Called by the pages.

Only ever to this process itself: the address comes from the settings, never from a person. What is
sent goes through the whole receiver and leaves a receipt, like any stranger's request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from subscriber_app.config import RECEIVER_PATH
from subscriber_app.database.models import AttackResult, HandledMessage, Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.faults import Faults
from subscriber_app.lab.attacks import (
    Attack,
    Forgery,
    ImpossibleAttack,
    Prediction,
    Situation,
    Target,
    make,
    predict,
)
from subscriber_app.receiving.decision import Handled
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.verification import Expectation, IncomingRequest
from subscriber_app.shop_api.held_secrets import Trust, read_trust
from subscriber_app.vocabulary import Reason

TIMEOUT_SECONDS = 10.0
UNKNOWN_ISSUER = "the attack desk"  # in our tokens, while the shop's own name does not count yet


class NoReceipt(Exception):  # noqa: N818 – the name says what happened
    """The receiver did not say under which receipt it keeps the request."""


class Unsendable(Exception):  # noqa: N818 – the name says what happened
    """No HTTP client would send such a request; the message says why."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """``known``: the situation of requests with the receipt's message id, ``unknown`` of others."""

    target: Target
    known: Situation
    unknown: Situation

    def offers(self) -> dict[Attack, Prediction | ImpossibleAttack]:
        """Return for every attack what must come of it, or why it cannot be made.

        Pure, but slow for a large body, which is signed and read several times for each.
        """
        own_id = message_id_of(self.target.request)
        found: dict[Attack, Prediction | ImpossibleAttack] = {}
        for attack in Attack:
            try:
                sent = make(attack, self.target)
            except ImpossibleAttack as error:
                found[attack] = error
                continue
            is_known = message_id_of(sent) == own_id
            found[attack] = predict(sent, self.known if is_known else self.unknown)
        return found


class AttackDesk:
    """The desk. ``local_url``: where we listen. ``webhook_url``: who we are before subscribing."""

    def __init__(  # noqa: PLR0913 – the desk looks at all that a request may meet
        self,
        database: Database,
        defences: DefenceSwitches,
        faults: Faults,
        *,
        local_url: str,
        webhook_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._defences = defences
        self._faults = faults
        self._webhook_url = webhook_url
        self._now = now
        self._http = httpx.AsyncClient(
            base_url=local_url, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False
        )

    async def outlook(self, receipt: Receipt) -> "Outlook":
        """What the attacks on a receipt's request depend on, as of now."""
        trust, original = await self.trust(), request_of(receipt)
        return Outlook(
            target=self._target(original, trust),
            known=self._situation(trust, await self._handled(original)),
            unknown=self._situation(trust, None),
        )

    async def attack(self, receipt: Receipt, attack: Attack) -> str:
        """Send this variant of a receipt's request; the id of the new receipt.

        Raises ``ImpossibleAttack``, ``Unsendable`` or ``NoReceipt``.
        """
        sent = make(attack, self._target(request_of(receipt), await self.trust()))
        return await self._send(receipt, sent, attack)

    async def send(self, receipt: Receipt, request: IncomingRequest) -> str:
        """Send a request that was edited by hand. Raises ``Unsendable`` or ``NoReceipt``."""
        return await self._send(receipt, request, None)

    async def predict(self, sent: Forgery | IncomingRequest) -> Prediction:
        """What must become of a request that comes in now."""
        return predict(sent, self._situation(await self.trust(), await self._handled(sent)))

    async def trust(self) -> Trust:
        """What the shop signs with, as whom and for whom; no secrets before subscribing."""
        async with self._database.reading() as session:
            return await read_trust(session, self._now()) or Trust((), self._webhook_url, None)

    def unix_now(self) -> int:
        """Whole seconds, as in ``webhook-timestamp``."""
        return int(self._now().timestamp())

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _target(self, request: IncomingRequest, trust: Trust) -> Target:
        return Target(
            request,
            trust.secrets,
            trust.audience,
            trust.issuer or UNKNOWN_ISSUER,
            self._now().timestamp(),
            new_id=f"msg_attack_{uuid7().hex}",
        )

    def _situation(self, trust: Trust, handled: Handled | None) -> Situation:
        expected = Expectation(
            trust.secrets,
            trust.audience,
            self._now().timestamp(),
            self._defences.off,
            trust.issuer,
        )
        mishap = self._faults.current.mishap
        fails = mishap is not None and mishap.refusal is not None
        return Situation(expected, handled, Reason.SIMULATED_FAULT if fails else None)

    async def _handled(self, sent: Forgery | IncomingRequest) -> Handled | None:
        async with self._database.reading() as session:
            row = await session.get(HandledMessage, message_id_of(sent))
        return Handled(row.body_sha256, row.receipt_id) if row else None

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
            answer = await self._http.post(
                RECEIVER_PATH, content=request.body, headers=_bytes(request.headers)
            )
        except httpx.LocalProtocolError as error:
            raise Unsendable(f"HTTP does not allow this request: {error}") from error
        except httpx.HTTPError as error:
            named, problem = None, f"the receiver gave no answer: {type(error).__name__}"
        else:
            named = _receipt_id(answer)
            problem = f"the receiver answered {answer.status_code}, and names no receipt"
        # Set to fail, the receiver may give no answer; a receipt it has written all the same.
        receipt_id = named or await self._newest_receipt_id(request, newest_before)
        if receipt_id is None:
            raise NoReceipt(problem)
        return receipt_id

    async def _newest_receipt_id(
        self, request: IncomingRequest | None = None, after: str | None = None
    ) -> str | None:
        """Of all, or of those of the request's message that were written after this one."""
        newest = select(Receipt.id).order_by(col(Receipt.id).desc()).limit(1)
        if request:
            newest = newest.where(
                Receipt.message_id == request.header("webhook-id"), Receipt.id > (after or "")
            )
        async with self._database.reading() as session:
            return (await session.exec(newest)).first()


def request_of(receipt: Receipt) -> IncomingRequest:
    """The request as the receipt keeps it."""
    return IncomingRequest([(name, value) for name, value in receipt.headers], receipt.body)


def message_id_of(sent: Forgery | IncomingRequest) -> str:
    """What the request says its ``webhook-id`` is; empty when it says nothing."""
    request = sent.request if isinstance(sent, Forgery) else sent
    return request.header("webhook-id") or ""


def _bytes(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    # As the receiver reads them: ASGI's bytes, taken for Latin-1.
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _receipt_id(answer: httpx.Response) -> str | None:
    try:
        document: Any = answer.json()
    except (ValueError, RecursionError):
        return None
    found = document.get("receipt_id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
