"""Speaks to the shop's JSON API as any client would. Called by whoever asks the shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from hookshop.webkit.times import rfc3339
from subscriber_app.shop_api.delivery_log import (
    ListedDelivery,
    ShopDelivery,
    read_delivery,
    read_list,
)
from subscriber_app.shop_api.endpoint import (
    Registration,
    RotatedSecret,
    ShopEndpoint,
    is_id,
    read_endpoint,
    read_registration,
    read_rotation,
)
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable

TIMEOUT_SECONDS = 5.0


class AlreadyRegistered(ShopError):  # noqa: N818 – the name says what happened
    """Our URL belongs to the standing endpoint ``endpoint_id``, whose secret we do not have."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"our address is registered already, as {endpoint_id}")
        self.endpoint_id = endpoint_id


class TooManySecrets(ShopError):  # noqa: N818 – the name says what happened
    """As many secrets of ours are live as the shop allows; one may be replaced."""


@dataclass(frozen=True, slots=True)
class ShopTotals:
    """What the shop has sold since a time, and how many deliveries are still to arrive.

    ``refunded_cents`` is positive. ``earlier_cents``: net, from before that time; None if the shop
    does not say.
    """

    gross_cents: int
    refunded_cents: int
    on_their_way: int
    earlier_cents: int | None = None

    @property
    def revenue_cents(self) -> int:
        """Net: gross minus refunds."""
        return self.gross_cents - self.refunded_cents


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
        if answer.status_code == httpx.codes.CONFLICT and is_id(document.get("endpoint_id")):
            raise AlreadyRegistered(document["endpoint_id"])
        if answer.status_code != httpx.codes.CREATED:
            raise ShopError(f"The shop refuses: {document.get('detail', answer.status_code)}")
        return read_registration(document)

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint, or find it deleted. Raises ``ShopUnreachable`` or ``ShopError``."""
        answer = await self._call("DELETE", f"/v1/webhooks/{endpoint_id}")
        if answer.status_code != httpx.codes.NO_CONTENT and not _is_unknown(answer):
            raise ShopError(f"The shop refuses with {answer.status_code}")

    async def rotate_secret(
        self, endpoint_id: str, grace: timedelta, *, replace_oldest: bool = False
    ) -> RotatedSecret:
        """Have a new secret made; the old one signs, too, until ``grace`` is over.

        ``replace_oldest``: end the oldest if there would be too many. Raise ``TooManySecrets``,
        ``ShopUnreachable`` or ``ShopError``.
        """
        body: dict[str, Any] = {"grace_seconds": int(grace.total_seconds())}
        if replace_oldest:  # a shop of an earlier version does not know it
            body["replace_oldest"] = True
        answer = await self._call("POST", f"/v1/webhooks/{endpoint_id}/rotate-secret", json=body)
        document = _document(answer)
        refusal = f"The shop refuses: {document.get('detail', answer.status_code)}"
        if answer.status_code == httpx.codes.CONFLICT:
            raise TooManySecrets(refusal)
        if answer.status_code != httpx.codes.OK:
            raise ShopError(refusal)
        return read_rotation(document)

    async def endpoint(self, endpoint_id: str) -> ShopEndpoint | None:
        """Return our endpoint as the shop sees it; None when the shop has no such endpoint.

        Raise ``ShopUnreachable``.
        """
        answer = await self._call("GET", f"/v1/webhooks/{endpoint_id}")
        if _is_unknown(answer):
            return None
        if answer.status_code != httpx.codes.OK:
            raise ShopUnreachable(f"The shop answers {answer.status_code}")
        return read_endpoint(_document(answer))

    async def totals(self, *, since: datetime) -> ShopTotals:
        """What the shop says it sold. Raises ``ShopUnreachable`` or ``ShopError``."""
        document = await self._read("/v1/stats", since=rfc3339(since))
        deliveries = document.get("deliveries")
        if not isinstance(deliveries, dict):
            raise ShopUnreachable("The shop's answer lacks the deliveries")
        says_earlier = "earlier_cents" in document
        return ShopTotals(
            gross_cents=_number(document, "gross_cents"),
            refunded_cents=_number(document, "refunded_cents"),
            on_their_way=_number(deliveries, "pending") + _number(deliveries, "sending"),
            earlier_cents=_number(document, "earlier_cents") if says_earlier else None,
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
