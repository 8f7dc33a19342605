"""Makes the messages of the exam and signs them as the shop does. Pure: no clock, no chance."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hookshop.webkit.times import rfc3339
from shop.exam.case import SIGNED, WITH_TOKEN, Scheme
from shop.exam.wire import WebhookRequest
from shop.webhooks.rules.signing import (
    TOKEN_TYPE,
    LiveSecret,
    SignedContent,
    encode_token,
    sign,
    signature,
    token_claims,
)

# The attacker has a secret, but not the receiver's.
ATTACKERS_SECRET = "whsec_" + base64.b64encode(b"known to the attacker, not to us").decode()
USER_AGENT = "Hookshop-Exam"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to sign. ``timestamp``: unix seconds. ``body``: the bytes to sign and send."""

    message_id: str
    timestamp: int
    body: bytes

    def with_body(self, body: bytes) -> "Message":
        """Return the message with another body."""
        return replace(self, body=body)

    def at(self, timestamp: int) -> "Message":
        """Return the message as of another time."""
        return replace(self, timestamp=timestamp)

    @property
    def content(self) -> SignedContent:
        """What the signature covers."""
        return SignedContent(self.message_id, self.timestamp, self.body)


def event_document(
    event_id: str, order_id: str, value: float, now: datetime, event_type: str = "purchase.created"
) -> dict[str, Any]:
    """Return an event as the shop sends it. ``value``: the total of the order."""
    return {
        "event": {"id": event_id, "type": event_type, "value": value, "order_id": order_id},
        "date": rfc3339(now),
    }


def compact(document: Mapping[str, Any]) -> bytes:
    """Return JSON as the shop writes it: without blanks, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs messages for one receiver. ``audience``: its URL. ``issuer``: the shop's name.

    ``secrets``: newest first, at least one, as in ``signing_headers``.
    """

    secrets: tuple[LiveSecret, ...]
    issuer: str
    audience: str
    scheme: Scheme = Scheme.STANDARD

    def with_secret(self, secret: str) -> "Signer":
        """Return a signer that has only this secret, under the id of the oldest one."""
        return replace(self, secrets=(LiveSecret(self.secrets[-1].id, secret),))

    def genuine(self, message: Message) -> WebhookRequest:
        """Return the request as the shop would send it, with the credentials of the scheme."""
        headers = [
            ("User-Agent", USER_AGENT),
            ("Content-Type", "application/json"),
            ("webhook-id", message.message_id),
            ("webhook-timestamp", str(message.timestamp)),
        ]
        if self.scheme in SIGNED:
            headers.append(("webhook-signature", self.signatures(message)))
        if self.scheme in WITH_TOKEN:
            headers.append(("Authorization", f"Bearer {self.token(message)}"))
        return WebhookRequest(tuple(headers), message.body, message.message_id)

    def signatures(self, message: Message) -> str:
        """Return the value of ``webhook-signature``: one for each secret."""
        return " ".join(signature(message.content, live.secret) for live in self.secrets)

    def token(
        self, message: Message, *, claims: Mapping[str, object] | None = None, alg: str = "HS256"
    ) -> str:
        """Return the token of a message. ``claims``: what differs from a genuine one.

        ``alg``: ``HS256``, ``HS512``, or ``none`` for a token without a signature.
        """
        oldest = self.secrets[-1]
        genuine = token_claims(message.content, issuer=self.issuer, audience=self.audience)
        header = {"alg": alg, "typ": TOKEN_TYPE, "kid": oldest.id}
        digest = "sha512" if alg == "HS512" else "sha256"
        token = encode_token(header, {**genuine, **(claims or {})}, oldest.secret, digest=digest)
        return token.rpartition(".")[0] + "." if alg == "none" else token

    def sign_with_timestamp(self, message: Message, timestamp: str) -> WebhookRequest:
        """Return a request whose ``webhook-timestamp`` is any text, with a signature for it."""
        signed = f"{message.message_id}.{timestamp}.".encode() + message.body
        request = self.genuine(message).with_header("webhook-timestamp", timestamp)
        return request.with_header("webhook-signature", sign(signed, self.secrets[-1].secret))
