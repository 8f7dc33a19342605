"""Computes a few responses at a time, and drops requests whose clients have gone meanwhile.

Computed all at once, the requests of a client that gives up and asks again would delay every other
page: nobody reads their responses, and each one takes as long as if somebody did.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.types.asgi_types import ReceiveMessage

# More at once would not be faster: the event loop computes one at a time. Some wait for others, as
# those that ask the shop.
MAX_CONCURRENT = 16
QUEUED_METHODS = frozenset({"GET", "HEAD"})  # others change something, and are never dropped
# Must be answered even while every other response takes long.
UNQUEUED_PATHS = ("/healthz", "/metrics", "/static/")
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_RELEASE = "release_slot"  # in the scope of a request that has a slot


def release_slot(scope: Scope) -> None:
    """Give the request's slot to others before its response begins: it is going to wait."""
    release = cast("dict[str, Any]", scope).get(_RELEASE)
    if release:
        release()


class RequestQueue:
    """ASGI middleware. A request holds its slot until its response begins, so streams hold none.

    One that waits for a fact gives it back before: see ``release_slot``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._free_slots = MAX_CONCURRENT
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application when there is a slot and the client is still there.

        A dropped request gets no response: its connection is closed.
        """
        if not _is_queued(scope):
            await self._app(scope, receive, send)
            return
        client = _Client(receive)
        if await self._acquire(client):
            await self._respond(scope, client.receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_slot = True

        def release() -> None:
            nonlocal has_slot
            if has_slot:
                has_slot = False
                self._release()

        async def send_and_release(message: Message) -> None:
            release()
            await send(message)

        cast("dict[str, Callable[[], None]]", scope)[_RELEASE] = release
        try:
            await self._app(scope, receive, send_and_release)
        finally:
            release()

    async def _acquire(self, client: "_Client") -> bool:
        """Wait for a slot, and return whether the request has one. False: the client has gone."""
        if self._free_slots:
            self._free_slots -= 1
            return True
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        leaving = asyncio.create_task(client.wait_until_gone())
        try:
            await asyncio.wait({turn, leaving}, return_when=asyncio.FIRST_COMPLETED)
            has_gone = leaving.done()
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            leaving.cancel()
        if has_gone:
            self._give_up(turn)
        return not has_gone

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done():
            self._release()
        else:
            self._waiting.remove(turn)

    def _release(self) -> None:
        """Give the slot to the request that has waited longest."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free_slots += 1


class _Client:
    """Reads from the client of a request without a body.

    ``receive``: as ASGI's; it also returns what ``wait_until_gone`` has read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._unread: deque[ReceiveMessage] = deque()

    async def wait_until_gone(self) -> None:
        """Return when the client has disconnected."""
        while True:
            message = await self._receive()
            self._unread.append(message)
            if message["type"] == "http.disconnect":
                return

    async def receive(self) -> ReceiveMessage:
        """Return the next message."""
        return self._unread.popleft() if self._unread else await self._receive()


def _is_queued(scope: Scope) -> bool:
    return (
        scope["type"] == ScopeType.HTTP
        and scope["method"] in QUEUED_METHODS
        and not scope["path"].startswith(UNQUEUED_PATHS)
        # A body would have to be kept while the request waits.
        and not any(name in _BODY_HEADERS for name, _value in scope["headers"])
    )
