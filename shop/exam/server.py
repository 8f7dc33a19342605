"""The exam's own small server: for effect calls, and for a receiver that registers itself.

A registration is passed on to the sandbox of the run. So the receiver registers as with any shop,
and the exam learns the secret, which the shop shows only in that response.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from shop.exam.evidence import EffectCalls
from shop.exam.shop_port import Endpoint, ExamShop, ShopFailed, endpoint_of

MAX_BODY_BYTES = 64 * 1024
MAX_REGISTRATION_SECONDS = 60


class ExamServer:
    """Serves ``POST /effects`` and the calls of ``/v1/webhooks``. ``url``: its address."""

    def __init__(self, shop: ExamShop, effect_calls: EffectCalls, *, url: str) -> None:
        self.url = url
        self._shop = shop
        self._effect_calls = effect_calls
        self._registered: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_post("/effects", self._record_effect)
        application.router.add_route("*", "/v1/{path:webhooks/.+}", self._pass_on)
        return application

    async def registration(self, webhook_url: str) -> Endpoint:
        """Return the endpoint once the receiver has registered itself. Raise ``ShopFailed``."""
        try:
            async with asyncio.timeout(MAX_REGISTRATION_SECONDS):
                return await asyncio.shield(self._registered)
        except TimeoutError:
            raise ShopFailed(
                f"no receiver registered {webhook_url} at {self.url}/v1/webhooks/register within "
                f"{MAX_REGISTRATION_SECONDS} s"
            ) from None

    async def _record_effect(self, request: web.Request) -> web.Response:
        try:
            self._effect_calls.record(await request.read())
        except (ValueError, RecursionError) as error:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _pass_on(self, request: web.Request) -> web.Response:
        if not self._shop.base_url:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="not ready: try again")
        path = request.match_info["path"]
        answer = await self._shop.forward(request.method, path, await request.read())
        if path == "webhooks/register" and answer.status_code == HTTPStatus.CREATED:
            self._learn(endpoint_of(json.loads(answer.content)))
        content_type = answer.headers.get("Content-Type", "application/json").partition(";")[0]
        return web.Response(
            status=answer.status_code, body=answer.content, content_type=content_type
        )

    def _learn(self, endpoint: Endpoint) -> None:
        if not self._registered.done():
            self._registered.set_result(endpoint)


@asynccontextmanager
async def serving(
    shop: ExamShop, effect_calls: EffectCalls, *, host: str, port: int
) -> AsyncIterator[ExamServer]:
    """Serve until the block ends. ``port`` 0: any free one. Raise ``OSError`` if it is taken."""
    server = ExamServer(shop, effect_calls, url="")
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        listening = runner.addresses[0]
        server.url = f"http://{f'[{host}]' if ':' in host else host}:{listening[1]}"
        yield server
    finally:
        await runner.cleanup()
