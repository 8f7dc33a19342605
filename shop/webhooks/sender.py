"""Sends one signed request and reports what came back; a receiver that fails is data, not an error.

Called by ``webhooks.delivery``, with no transaction open. Knows HTTP, but neither deliveries nor
the database.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import aiohttp
import httpx

from shop import __version__
from shop.webhooks import stopwatch
from shop.webhooks.connections import GuardedTransport, describe_failure
from shop.webhooks.stopwatch import Phase, Stopwatch, Timings
from shop.webhooks.url_policy import UrlPolicy

# The answer's body is kept for people to look at; nobody reads more of an error page than this.
LARGEST_KEPT_BODY = 16 * 1024
# Share of the deadline that connecting may use: who does not connect by then will not answer.
CONNECT_SHARE = 0.5


_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # nothing to decompress, so no bomb either
    "Connection": "keep-alive",
    "User-Agent": f"Hookshop/{__version__}",
}


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """What to send. ``body``: the stored bytes, sent as they are."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Answer:
    """What came of a request. ``status`` or ``error`` is set, never both.

    ``error``: a name from the README's table "What an answer means"; ``error_detail``: what the
    network library said. ``body``: raw bytes, at most 16 KiB; ``truncated``: there was more.
    ``timings``: where the duration went, as far as it was seen.
    """

    request_headers: dict[str, str]
    status: int | None = None
    headers: dict[str, str] | None = None
    body: bytes | None = None
    truncated: bool = False
    error: str | None = None
    error_detail: str | None = None
    duration_ms: int = 0
    timings: Timings | None = None


_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class Sender:
    """One HTTP transport for all endpoints, with connections kept open between deliveries.

    Make it inside a running event loop.
    """

    def __init__(self, policy: UrlPolicy, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        # Without a client around it, which would follow redirects, keep cookies and know passwords:
        # a webhook wants none of that, and it is a third of the way from here to the network.
        self._transport = GuardedTransport(policy, connect_seconds=timeout_seconds * CONNECT_SHARE)

    async def send(self, outgoing: OutgoingRequest) -> Answer:
        """Post the request within the total deadline. Never raises for what the receiver does."""
        request = _request(outgoing)
        answer = Answer(request_headers=dict(request.headers.multi_items()))
        started, watch = time.perf_counter(), Stopwatch()
        stopwatch.current.set(watch)  # each delivery is a task, and has a context, of its own
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._exchange(request, answer, watch)
        except _FAILURES as error:
            _note_error(answer, error)
        watch.turn_to(None)
        answer.timings = watch.read_off()
        answer.duration_ms = round((time.perf_counter() - started) * 1000)
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request, answer: Answer, watch: Stopwatch) -> None:
        response = await self._transport.handle_async_request(request)
        watch.turn_to(Phase.READING)
        try:
            answer.status = response.status_code
            answer.headers = dict(response.headers)
            answer.body = b""
            async for chunk in response.aiter_raw():
                answer.body += chunk
                if len(answer.body) > LARGEST_KEPT_BODY:
                    answer.body = answer.body[:LARGEST_KEPT_BODY]
                    answer.truncated = True
                    break
        finally:
            await response.aclose()


def _request(outgoing: OutgoingRequest) -> httpx.Request:
    """With all of its headers: those that httpx would add take it as long as all else does."""
    url = _parsed(outgoing.url)
    headers = {
        "Host": url.netloc.decode(),
        **_HEADERS,
        **outgoing.headers,
        "Content-Length": str(len(outgoing.body)),
    }
    return httpx.Request("POST", url, headers=headers, stream=httpx.ByteStream(outgoing.body))


# Takes as long as reading the answer; and most requests go where others went just before.
_parsed = lru_cache(maxsize=1000)(httpx.URL)


def _note_error(answer: Answer, error: BaseException) -> None:
    if answer.status is not None:
        answer.truncated = True  # the status line arrived and counts; only the body is incomplete
        return
    answer.error, answer.error_detail = describe_failure(error)
