"""Keeps pages up to date by server-sent events.

A live page is an ordinary response plus a stream. Both render the same ``Region``s from the
database. An interrupted stream just starts again, because its first message shows the current
state. How htmx applies a message: ``templates/shared/macros.html``.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import ServerSentEvent, Template
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.access import has_session_ended, watched_session
from hookshop.webkit.change_feed import ChangeFeed
from hookshop.webkit.sandboxes import has_sandbox_ended

MIN_INTERVAL_SECONDS = 0.1  # at most ten updates a second, even under load
KEEP_ALIVE_SECONDS = 15  # proxies close connections that are silent for longer

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that changes while a reader looks at it.

    ``template``: a fragment whose outermost element has the id ``element_id``. ``read``: return its
    context. ``concerns``: return whether a change of the feed affects it.
    ``poll_interval_seconds``: read it this often even without a change, for facts that the feed
    does not announce. ``min_interval_seconds``: minimum time between two reads.
    """

    element_id: str
    template: str
    read: Callable[[], Awaitable[dict[str, Any]]]
    concerns: Callable[[Any], bool] = lambda _change: True
    poll_interval_seconds: float = math.inf
    min_interval_seconds: float = MIN_INTERVAL_SECONDS


async def live_stream(
    request: AnyRequest, feed: ChangeFeed[Any], *regions: Region
) -> ServerSentEvent:
    """Return the response to ``GET …/live``: the current regions, now and after every change.

    Raise the exceptions of their ``read``, such as ``NotFoundException``.
    """
    for region in regions:
        await region.read()  # fail now with an error page instead of breaking the stream later
    return ServerSentEvent(_messages(request, feed, regions))


async def _messages(
    request: AnyRequest, feed: ChangeFeed[Any], regions: Sequence[Region]
) -> AsyncIterator[ServerSentEventMessage]:
    clock = asyncio.get_running_loop().time
    poll_interval = min(region.poll_interval_seconds for region in regions)
    shown: dict[Region, str] = {}  # the HTML that the page has for each region
    stale: Sequence[Region] = regions
    # Subscribe before the first read, so that no change is lost between the two.
    with feed.subscribe() as subscription, watched_session(request, subscription.end):
        read_at = sent_at = clock()
        checked_at = -math.inf
        while not subscription.is_over:
            if clock() >= checked_at + KEEP_ALIVE_SECONDS:
                if await _must_end(request):
                    return
                checked_at = clock()
            if stale:
                current = await _read(request, stale)
                if current is None:
                    return
                if changed := {it: html for it, html in current.items() if html != shown.get(it)}:
                    yield _message(changed)
                    shown |= changed
                    sent_at = clock()
                read_at = clock()
                await asyncio.sleep(max(region.min_interval_seconds for region in stale))
            wake_at = min(read_at + poll_interval, sent_at + KEEP_ALIVE_SECONDS)
            changes = await subscription.next_changes(timeout=max(0, wake_at - clock()))
            is_due = clock() >= read_at + poll_interval
            stale = [region for region in regions if is_due or _concerns(region, changes)]
            if clock() >= sent_at + KEEP_ALIVE_SECONDS:
                yield ServerSentEventMessage(data=None, comment="keep-alive")
                sent_at = clock()


def _concerns(region: Region, changes: frozenset[Any]) -> bool:
    return any(change.is_everything or region.concerns(change) for change in changes)


async def _must_end(request: AnyRequest) -> bool:
    """Return whether the reader's session or sandbox has ended.

    The browser then connects again, and gets 401 or 404.
    """
    try:
        return await has_session_ended(request) or await has_sandbox_ended(request)
    except SQLAlchemyError as error:
        logger.warning("%s: stream ends, database unavailable: %s", request.url.path, error)
        return True


async def _read(request: AnyRequest, regions: Sequence[Region]) -> dict[Region, str] | None:
    """Return the HTML of each region, or None if that is not possible now.

    The stream then ends, and the browser reconnects. If the record was deleted, it gets 404 then.
    """
    try:
        return {region: await _render(request, region) for region in regions}
    except HTTPException as error:
        logger.info("%s: stream ends: %s", request.url.path, error.detail)
        return None
    except SQLAlchemyError as error:
        logger.warning("%s: stream ends, database unavailable: %s", request.url.path, error)
        return None


async def _render(request: AnyRequest, region: Region) -> str:
    """Return the region's current HTML."""
    answer = Template(region.template, context=await region.read())
    template = request.app.template_engine.get_template(region.template)  # type: ignore[union-attr]
    return str(template.render(**answer.create_template_context(request)))


def _message(changed: dict[Region, str]) -> ServerSentEventMessage:
    """Return one message with all changed regions, so that the interval limits the messages."""
    return ServerSentEventMessage(data="".join(map(_partial, changed, changed.values())))


def _partial(region: Region, html: str) -> str:
    target = f'hx-target="#{region.element_id}" hx-swap="outerMorph"'
    return f"<hx-partial {target}>{html}</hx-partial>"
