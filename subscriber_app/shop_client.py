"""Speaks to the shop's JSON API as any client would. Called by ``subscription``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 5.0


class ShopError(Exception):
    """The shop did not do what was asked; the message is a sentence for a person."""


class ShopUnreachable(ShopError):  # noqa: N818 – the name says what happened
    """The shop does not answer, or not sensibly; later it may."""


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


class ShopClient:
    """One connection pool to one shop."""

    def __init__(self, shop_url: str) -> None:
        self.shop_url = shop_url
        self._http = httpx.AsyncClient(base_url=shop_url, timeout=TIMEOUT_SECONDS, trust_env=False)

    async def register(self, webhook_url: str, event_types: Sequence[str]) -> Registration:
        """Register a URL. Raises ``AlreadyRegistered``, ``ShopUnreachable`` or ``ShopError``."""
        body = {
            "webhook_url": webhook_url,
            "event_types": list(event_types),
            "description": "The subscriber",
        }
        answer = await self._call("POST", "/v1/webhooks/register", json=body)
        document = _document(answer)
        if answer.status_code == httpx.codes.CONFLICT and "endpoint_id" in document:
            raise AlreadyRegistered(str(document["endpoint_id"]))
        if answer.status_code != httpx.codes.CREATED:
            raise ShopError(f"The shop refuses: {document.get('detail', answer.status_code)}")
        try:
            return Registration(str(document["id"]), str(document["secret"]))
        except KeyError as missing:
            raise ShopUnreachable(f"The shop's answer lacks {missing}") from None

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint, or find it deleted. Raises ``ShopUnreachable`` or ``ShopError``."""
        answer = await self._call("DELETE", f"/v1/webhooks/{endpoint_id}")
        if answer.status_code not in {httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND}:
            raise ShopError(f"The shop refuses with {answer.status_code}")

    async def endpoint_status(self, endpoint_id: str) -> str | None:
        """``active``, ``paused`` or ``disabled``; None when the shop has no such endpoint.

        Raises ``ShopUnreachable``.
        """
        answer = await self._call("GET", f"/v1/webhooks/{endpoint_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise ShopUnreachable(f"The shop answers {answer.status_code}")
        return str(_document(answer).get("status"))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

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


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ShopUnreachable("What answers there does not speak the shop's language")
    return document
