"""The exam's own small server: for effect calls, and for a receiver that registers itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from shop.exam.evidence import EffectCalls
from shop.exam.registration import Registration

MAX_BODY_BYTES = 64 * 1024


@asynccontextmanager
async def serving(
    registration: Registration, effect_calls: EffectCalls, *, host: str, port: int
) -> AsyncIterator[str]:
    """Serve until the block ends, and yield the URL. Raise ``OSError`` if the port is taken.

    ``port`` 0: any free one.
    """
    runner = web.AppRunner(_application(registration, effect_calls), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        listening_port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{listening_port}"
    finally:
        await runner.cleanup()


def _application(registration: Registration, effect_calls: EffectCalls) -> web.Application:
    async def record_effect(request: web.Request) -> web.Response:
        try:
            effect_calls.record(await request.read())
        except (ValueError, RecursionError) as error:
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def pass_on(request: web.Request) -> web.Response:
        path = request.match_info["path"]
        answer = await registration.pass_on(request.method, path, await request.read())
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type
        )

    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post("/effects", record_effect)
    application.router.add_route("*", "/v1/{path:webhooks/.+}", pass_on)
    return application
