"""Carries out a fault action on the connection: delay, withhold, or reset.

The receipt is committed before, and no transaction is open. The connection is held for at most
``MAX_HOLD_SECONDS``, and no longer than the sender waits or the process runs.
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


async def inject(action: FaultAction, request: AnyRequest, feed: LocalChangeFeed) -> None:
    """Return when the response may be sent; after a reset, nobody will receive it."""
    if action.kind is FaultActionKind.SLOW:
        await _hold(request, feed, action.seconds or 0)
    # A worker that is killed disconnects at once.
    if action.kind in {FaultActionKind.TIMEOUT, FaultActionKind.CRASH_WORKER}:
        await _hold(request, feed, MAX_HOLD_SECONDS)
        await _reset(request)
    if action.kind is FaultActionKind.DROP:
        await _reset(request)


async def _hold(request: AnyRequest, feed: LocalChangeFeed, seconds: float) -> None:
    """Wait, but not after the sender has disconnected or the process is stopping."""
    waiting = [
        asyncio.create_task(_until_disconnected(request)),
        asyncio.create_task(feed.is_over.wait()),
    ]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _reset(request: AnyRequest) -> None:
    scope = cast("dict[str, Any]", request.scope)
    reset_connection = (scope.get("extensions") or {}).get(EXTENSION)
    if reset_connection is None:
        logger.warning("Cannot reset the connection: serve with ConnectionResetProtocol")
        return
    reset_connection()
    await _until_disconnected(request)  # the server notices in the next iteration of the event loop


async def _until_disconnected(request: AnyRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
