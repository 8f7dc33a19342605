"""Acts out a mishap on the connection: late, never, or closed without a word. For ``receiver``.

By then the receipt is committed and no transaction is open: what is held is one connection, for at
most ``MAX_HOLD_SECONDS``, and no longer than the sender waits or the process runs.
"""

import asyncio
import logging
from typing import Any, cast

from litestar import Request

from hookshop.webkit.change_feed import LocalChangeFeed
from subscriber_app.faults import FaultAction, FaultActionKind
from subscriber_app.lab.connection_reset import EXTENSION

MAX_HOLD_SECONDS = 60

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


async def act_out(mishap: FaultAction, request: AnyRequest, feed: LocalChangeFeed) -> None:
    """Return when the answer may be sent; after hanging up, nobody is there to get it."""
    if mishap.kind is FaultActionKind.SLOW:
        await _hold(request, feed, mishap.seconds or 0)
    if mishap.kind is FaultActionKind.TIMEOUT:
        await _hold(request, feed, MAX_HOLD_SECONDS)
        await _hang_up(request)
    if mishap.kind is FaultActionKind.DROP:
        await _hang_up(request)


async def _hold(request: AnyRequest, feed: LocalChangeFeed, seconds: float) -> None:
    """Wait so long, or until the sender is gone or the process is about to stop."""
    waiting = [
        asyncio.create_task(_until_gone(request)),
        asyncio.create_task(feed.is_over.wait()),
    ]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _hang_up(request: AnyRequest) -> None:
    scope = cast("dict[str, Any]", request.scope)
    reset = (scope.get("extensions") or {}).get(EXTENSION)
    if reset is None:
        logger.warning("Answering: this server cannot hang up, for want of HangUpProtocol")
        return
    reset()
    await _until_gone(request)  # the server learns of it in the next round of the event loop


async def _until_gone(request: AnyRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
