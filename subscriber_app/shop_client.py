"""Speaks to the shop's JSON API as any client would. Called by whoever asks the shop."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from subscriber_app.shop_errors import ShopError, ShopUnreachable
from subscriber_app.shop_log import ListedDelivery, ShopDelivery, read_delivery, read_list
from subscriber_app.verification import SECRET_PREFIX, secret_key

TIMEOUT_SECONDS = 5.0
ENDPOINT_STATUSES = ("active", "paused", "disabled")
SHORTEST_KEY = 24  # bytes; Standard Webhooks, "Signature scheme"

# What can stand in a path as it is: the shop's word goes into the addresses that we call.
_ENDPOINT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class AlreadyRegistered(ShopError):  # noqa: N818 – the name says what happened
    """Our URL belongs to the standing endpoint ``endpoint_id``, whose secret we do not have."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"our address is registered already, as {endpoint_id}")
        self.endpoint_id = endpoint_id


@dataclass(frozen=True, slots=True)
class Registration:
    """What the shop answers once. ``secret``: ``whsec_…``, never to be had again."""

    endpoint_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class ShopTotals:
    """What the shop has sold, refunds taken off, and how many deliveries are still to arrive."""

    revenue_cents: int
    on_their_way: int


class ShopClient:
    """One connection pool to one shop. ``token``: the shop's admin token, if it asks for one."""

    def __init__(self, shop_url: str, *, token: SecretStr | None = None) -> None:
        self.shop_url = shop_url
        self._http = httpx.AsyncClient(
            base_url=shop_url,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    async def register(self, webhook_url: str, event_types: Sequence[str]) -> Registration:
        """Register a URL. Raises ``AlreadyRegistered``, ``ShopUnreachable`` or ``ShopError``."""
        body = {
            "webhook_url": webhook_url,
            "event_types": list(event_types),
            "description": "The subscriber",
        }
        answer = await self._call("POST", "/v1/webhooks/register", json=body)
        document = _document(answer)
        if answer.status_code == httpx.codes.CONFLICT and _is_id(document.get("endpoint_id")):
            raise AlreadyRegistered(document["endpoint_id"])
        if answer.status_code != httpx.codes.CREATED:
            raise ShopError(f"The shop refuses: {document.get('detail', answer.status_code)}")
        if not _is_id(document.get("id")) or not is_secret(document.get("secret")):
            raise ShopUnreachable("The shop's answer lacks an id or a secret that could be used")
        return Registration(document["id"], document["secret"])

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint, or find it deleted. Raises ``ShopUnreachable`` or ``ShopError``."""
        answer = await self._call("DELETE", f"/v1/webhooks/{endpoint_id}")
        if answer.status_code != httpx.codes.NO_CONTENT and not _is_unknown(answer):
            raise ShopError(f"The shop refuses with {answer.status_code}")

    async def rotate_secret(self, endpoint_id: str, grace: timedelta) -> str:
        """Have a new secret made; the old one signs, too, until ``grace`` is over.

        Raises ``ShopUnreachable`` or ``ShopError``.
        """
        body = {"grace_seconds": int(grace.total_seconds())}
        answer = await self._call("POST", f"/v1/webhooks/{endpoint_id}/rotate-secret", json=body)
        document = _document(answer)
        if answer.status_code != httpx.codes.OK:
            raise ShopError(f"The shop refuses: {document.get('detail', answer.status_code)}")
        if not is_secret(document.get("secret")):
            raise ShopUnreachable("The shop's answer lacks a secret that could be used")
        return str(document["secret"])

    async def endpoint_status(self, endpoint_id: str) -> str | None:
        """One of ``ENDPOINT_STATUSES``; None when the shop has no such endpoint.

        Raises ``ShopUnreachable``.
        """
        answer = await self._call("GET", f"/v1/webhooks/{endpoint_id}")
        if _is_unknown(answer):
            return None
        if answer.status_code != httpx.codes.OK:
            raise ShopUnreachable(f"The shop answers {answer.status_code}")
        status = _document(answer).get("status")
        if status not in ENDPOINT_STATUSES:
            raise ShopUnreachable("The shop's answer lacks a status that we know")
        return str(status)

    async def totals(self) -> ShopTotals:
        """What the shop says it sold. Raises ``ShopUnreachable`` or ``ShopError``."""
        document = await self._read("/v1/stats")
        deliveries = document.get("deliveries")
        if not isinstance(deliveries, dict):
            raise ShopUnreachable("The shop's answer lacks the deliveries")
        return ShopTotals(
            _number(document, "revenue_cents"),
            _number(deliveries, "pending") + _number(deliveries, "sending"),
        )

    async def deliveries_of(self, message_id: str) -> list[ListedDelivery]:
        """The newest hundred deliveries of a message. Raises ``ShopUnreachable``, ``ShopError``."""
        return read_list(await self._read("/v1/deliveries", message_id=message_id, limit=100))

    async def delivery(self, delivery_id: str) -> ShopDelivery:
        """One delivery with all its attempts. Raises ``ShopUnreachable`` or ``ShopError``."""
        return read_delivery(await self._read(f"/v1/deliveries/{quote(delivery_id, safe='')}"))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _read(self, path: str, **query: str | int) -> dict[str, Any]:
        answer = await self._call("GET", path, params=query)
        if answer.status_code != httpx.codes.OK:
            raise ShopError(f"The shop refuses with {answer.status_code}")
        return _document(answer)

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ShopUnreachable(
                f"No answer from {self.shop_url}: {str(error) or type(error).__name__}"
            ) from error
        if answer.is_server_error:
            raise ShopUnreachable(f"The shop answers {answer.status_code}")
        return answer


def _number(document: dict[str, Any], name: str) -> int:
    number = document.get(name)
    if type(number) is not int:
        raise ShopUnreachable(f"The shop's answer lacks the number {name}")
    return number


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ShopUnreachable("What answers there does not speak the shop's language")
    return document


def _is_unknown(answer: httpx.Response) -> bool:
    """Whether the shop says that there is no such endpoint. Raises ``ShopUnreachable``.

    Not every 404 says that: a proxy or another server at this address may answer so, too.
    """
    return answer.status_code == httpx.codes.NOT_FOUND and bool(_document(answer))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_ENDPOINT_ID.fullmatch(value))


def is_secret(value: object) -> bool:
    """Whether it can be signed with: an empty key, for one, would let everybody sign."""
    if not isinstance(value, str) or not value.startswith(SECRET_PREFIX):
        return False
    try:
        return len(secret_key(value)) >= SHORTEST_KEY
    except ValueError:
        return False
