"""Signs webhooks by the contract, without code of either application; also invalidly, on request.

The subscriber's tests must not import the shop. ``tests/data`` and reference libraries check this
signer: see ``tests/unit/subscriber/test_verification``.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from subscriber_app.receiving.verification import IncomingRequest

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
FORMER_SECRET = "whsec_" + base64.b64encode(bytes(range(64, 96))).decode()
SHOP_URL = "http://shop.example"
OUR_URL = "http://subscriber.example/v1/new-purchase"
NOW = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())

Headers = list[tuple[str, str]]


def purchase(
    value: object = 50.75,
    *,
    type_: str = "purchase.created",
    order_id: str = "ord_1",
    date: str = "2026-11-23T12:00:00Z",
    **more: object,
) -> bytes:
    """Return the body of an event. ``more``: additional members of ``event``."""
    event = {"id": "54520505-be85-40c8-a575-0ec33908f1a8", "type": type_, "value": value}
    event |= {"order_id": order_id, **more}
    document = {"event": event, "date": date}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A genuine request. Change any part with ``dataclasses.replace``; it is signed again.

    ``timestamp``: unix seconds, or any text to sign instead. ``claims``: changed claims of the
    token; None removes one. ``token_header``: added or changed members of its header.
    """

    body: bytes = field(default_factory=purchase)
    message_id: str = "msg_1"
    timestamp: int | str = NOW
    secret: str = SECRET
    audience: str = OUR_URL
    claims: Mapping[str, object] = field(default_factory=dict)
    token_header: Mapping[str, object] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """Return the value of ``webhook-signature``."""
        return f"v1,{base64.b64encode(self._digest()).decode()}"

    @property
    def signature_in_hex(self) -> str:
        """Return the signature in hex, a common mistake."""
        return f"v1,{self._digest().hex()}"

    @property
    def token(self) -> str:
        """Return the bearer token."""
        header = {"alg": "HS256", "typ": "webhook+jwt", **self.token_header}
        issued_at = self.timestamp if isinstance(self.timestamp, int) else NOW
        claims: dict[str, object] = {
            "iss": SHOP_URL,
            "aud": self.audience,
            "jti": self.message_id,
            "iat": issued_at,
            "exp": issued_at + 300,
            "payload_hash": hashlib.sha256(self.body).hexdigest(),
            **self.claims,
        }
        present = {name: value for name, value in claims.items() if value is not None}
        return signed_token(json.dumps(header), json.dumps(present), self.secret)

    def headers(self, **changes: str | None) -> Headers:
        """Return the request's headers; ``webhook_id="x"`` changes one, None removes it."""
        right: dict[str, str | None] = {
            "content_type": "application/json",
            "webhook_id": self.message_id,
            "webhook_timestamp": str(self.timestamp),
            "webhook_signature": self.signature,
            "authorization": f"Bearer {self.token}",
        }
        return [
            (name.replace("_", "-"), value)
            for name, value in (right | changes).items()
            if value is not None
        ]

    def _digest(self) -> bytes:
        signed = f"{self.message_id}.{self.timestamp}.".encode() + self.body
        return hmac.digest(key_of(self.secret), signed, "sha256")


def incoming(delivery: Delivery, **changes: str | None) -> IncomingRequest:
    """Return the request as the receiver passes it to the verification."""
    return IncomingRequest(delivery.headers(**changes), delivery.body)


def signed_token(
    header: str, claims: str, secret: str, *, digest: str = "sha256", encoding: str = "utf-8"
) -> str:
    """Return a token of exactly these texts, signed with HMAC. ``encoding``: of both texts."""
    signed = f"{base64url(header.encode(encoding))}.{base64url(claims.encode(encoding))}"
    return f"{signed}.{base64url(hmac.digest(key_of(secret), signed.encode(), digest))}"


def base64url(raw: bytes) -> str:
    """Return base64url without padding, as in tokens."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def key_of(secret: str) -> bytes:
    """Return the secret's key bytes."""
    return base64.b64decode(secret.removeprefix("whsec_"))
