"""A receiver that registers itself: its calls are passed on to the sandbox of the run.

So the receiver registers as with any shop, and the exam learns the secret, which the shop shows
only in that response.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus

from shop.exam.shop_port import Endpoint, ExamShop, ShopFailed, endpoint_of

MAX_REGISTRATION_SECONDS = 60
REGISTER = "webhooks/register"


@dataclass(frozen=True, slots=True)
class PassedOn:
    """The shop's response to a call of the receiver."""

    status: int
    content_type: str
    body: bytes


class Registration:
    """Passes calls of ``/v1/webhooks/…`` on. Create it in a running event loop."""

    def __init__(self, shop: ExamShop) -> None:
        self._shop = shop
        self._registered: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()

    async def pass_on(self, method: str, path: str, body: bytes) -> PassedOn:
        """Return the response of the sandbox. ``path``: what follows ``/v1/``."""
        if not self._shop.base_url:
            return PassedOn(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"not ready: try again")
        answer = await self._shop.forward(method, path, body)
        if path == REGISTER and answer.status_code == HTTPStatus.CREATED:
            self._learn(endpoint_of(json.loads(answer.content)))
        content_type = answer.headers.get("Content-Type", "application/json").partition(";")[0]
        return PassedOn(answer.status_code, content_type, answer.content)

    def _learn(self, endpoint: Endpoint) -> None:
        if not self._registered.done():
            self._registered.set_result(endpoint)

    async def endpoint(self) -> Endpoint:
        """Return the endpoint once the receiver has registered itself. Raise ``ShopFailed``."""
        try:
            async with asyncio.timeout(MAX_REGISTRATION_SECONDS):
                endpoint = await asyncio.shield(self._registered)
        except TimeoutError:
            raise ShopFailed(
                f"no receiver registered itself within {MAX_REGISTRATION_SECONDS} s"
            ) from None
        await self._shop.receive_all_events(endpoint.id)
        return endpoint
