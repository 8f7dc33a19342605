"""What the cases of an exam work with: messages, the sender, the shop and the evidence."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shop.exam.case import Effects, Need, Observation, Scheme
from shop.exam.crafting import Message, Signer, compact, event_document
from shop.exam.evidence import BadEvidence, Evidence
from shop.exam.judging import is_success
from shop.exam.pacing import Pacer
from shop.exam.receiver_process import ReceiverProcess
from shop.exam.sender import Sender
from shop.exam.shop_port import Endpoint, ExamShop, Sent
from shop.exam.wire import Exchange, WebhookRequest
from shop.ids import new_id, new_uuid
from shop.webhooks.rules.signing import LiveSecret

MAX_HAND_OVER_SECONDS = 60
HAND_OVER_POLL_SECONDS = 1.0
MIN_CENTS, MAX_CENTS = 100, 99_999

# Shows people the new secret. ``run`` then waits until the receiver accepts it.
OfferSecret = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class Bench:
    """The parts of a run. ``evidence``: None if there is none. ``random``: seeded.

    ``receiver``: the process that the exam started, if it did. ``offer_secret``: None if nobody is
    there to give the receiver a new secret. ``idle_seconds``: the time spent waiting for people.
    """

    url: str
    scheme: Scheme
    random: random.Random
    sender: Sender
    pacer: Pacer
    shop: ExamShop
    endpoint: Endpoint
    evidence: Evidence | None = None
    receiver: ReceiverProcess | None = None
    offer_secret: OfferSecret | None = None
    idle_seconds: float = 0
    first: Observation | None = None
    _new_secret: LiveSecret | None = None
    _took_new_secret: bool | None = None
    _remembered: dict[str, Observation] = field(default_factory=dict)

    @property
    def signer(self) -> Signer:
        """Signs as the shop does, with the secret that the receiver was registered with."""
        return self._signer_with(LiveSecret(self.endpoint.secret_id, self.endpoint.secret))

    def _signer_with(self, secret: LiveSecret) -> Signer:
        return Signer((secret,), self.endpoint.issuer, self.url, self.scheme)

    def has(self, need: Need) -> bool:
        """Return whether a case with this need can be judged."""
        return {
            Need.EFFECTS: self.evidence is not None,
            Need.PROBE: self.evidence is not None and self.evidence.tells_orders,
            Need.RUN: self.receiver is not None,
            Need.NEW_SECRET: self.offer_secret is not None or self._restarts_with_secrets,
        }[need]

    @property
    def _restarts_with_secrets(self) -> bool:
        return self.receiver is not None and self.receiver.takes_secrets

    def document(self, event_type: str = "purchase.created") -> dict[str, Any]:
        """Return a new event, with an amount of its own."""
        now = datetime.now(UTC)
        value = self.random.randint(MIN_CENTS, MAX_CENTS) / 100
        return event_document(
            str(new_uuid(now)), new_id("ord", now), value, now, event_type=event_type
        )

    def message(self, body: bytes | None = None) -> Message:
        """Return a new message as of now. ``body``: None for a new event."""
        now = datetime.now(UTC)
        content = compact(self.document()) if body is None else body
        return Message(new_id("msg", now), int(now.timestamp()), content)

    def request(self, body: bytes | None = None) -> WebhookRequest:
        """Return a new genuine request."""
        return self.signer.genuine(self.message(body))

    async def send(self, request: WebhookRequest, name: str = "") -> Exchange:
        """Send a request of the exam's own. ``name``: what it is for, if a case has several."""
        sent = await self.sender.send(self.url, request)
        return Exchange(sent.request, sent.answer, name)

    async def deliver(self, sent: Sent) -> Exchange:
        """Wait for an ordinary delivery of the shop."""
        async with self.pacer.turn():
            return await self.shop.last_exchange(sent)

    async def buy(self) -> tuple[Sent, Exchange]:
        """Place an order in the shop and wait for its delivery."""
        sent = await self.shop.buy()
        return sent, await self.deliver(sent)

    @asynccontextmanager
    async def paused_endpoint(self) -> AsyncIterator[None]:
        """Let the shop hold deliveries while the block runs."""
        await self.shop.set_status(self.endpoint.id, "paused")
        try:
            yield
        finally:
            await self.shop.set_status(self.endpoint.id, "active")

    async def effects(self, exchanges: Sequence[Exchange], *, expected: int) -> dict[str, Effects]:
        """Return the effects of the messages; nothing without evidence.

        Wait for an expected effect if the receiver accepted the message; look once if it did not.
        Do not look if it gave no response: it may have ended, and its probe with it.
        """
        if self.evidence is None:
            return {}
        found: dict[str, Effects] = {}
        for message_id in dict.fromkeys(each.request.message_id for each in exchanges):
            answers = [e.answer for e in exchanges if e.request.message_id == message_id]
            if any(map(is_success, answers)):
                found[message_id] = await self.evidence.settled(message_id, expected=expected)
            elif any(answer.status is not None for answer in answers):
                found[message_id] = await self.evidence.read(message_id)
        return found

    async def order_state(self, order_id: str, *, expected: str) -> str | None:
        """Return the state of an order by the probe."""
        if self.evidence is None or not self.evidence.tells_orders:
            raise BadEvidence("there is no probe")
        return await self.evidence.settled_order(order_id, expected=expected)

    async def remember(self, name: str, play: Callable[[], Awaitable[Observation]]) -> Observation:
        """Play something once for several cases, and return what it saw."""
        if name not in self._remembered:
            self._remembered[name] = await play()
        return self._remembered[name]

    async def new_signer(self) -> Signer:
        """Return a signer with the shop's new secret alone. The first call rotates the secret."""
        if self._new_secret is None:
            secret, secret_id = await self.shop.rotate(self.endpoint.id, grace_seconds=24 * 3600)
            self._new_secret = LiveSecret(secret_id, secret)
        return self._signer_with(self._new_secret)

    async def hand_over_new_secret(self) -> bool:
        """Give the receiver the new secret in place of the old one. Return whether it took it."""
        signer = await self.new_signer()
        if self._took_new_secret is None:
            self._took_new_secret = await self._hand_over(signer)
        return self._took_new_secret

    async def _hand_over(self, signer: Signer) -> bool:
        secret = signer.secrets[0].secret
        if self.receiver and self.receiver.takes_secrets:
            await self.receiver.restart(secret=secret)
            return True
        if self.offer_secret is None:
            return False
        started = time.monotonic()
        await self.offer_secret(secret)
        try:
            return await self._is_accepted_in_time(signer)
        finally:
            self.idle_seconds += time.monotonic() - started

    async def _is_accepted_in_time(self, signer: Signer) -> bool:
        deadline = time.monotonic() + MAX_HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            trial = await self.send(signer.genuine(self.message()))
            if is_success(trial.answer):
                return True
            await asyncio.sleep(HAND_OVER_POLL_SECONDS)
        return False
