"""Keeps pages up to date by server-sent events.

A live page is an ordinary answer with a stream beside it. Both render the same ``Region``s from the
database, so a stream that was interrupted only has to start again: its first message shows the
current state. How htmx applies a message: ``templates/shared/macros.html``.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.response import ServerSentEvent, Template
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.exc import SQLAlchemyError

from hookshop.webkit.change_feed import ChangeFeed

MIN_PAUSE_SECONDS = 0.1  # at most ten updates a second, whatever the load
KEEP_ALIVE_SECONDS = 15  # proxies close connections that are silent for longer

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that changes while a reader looks at it.

    ``template``: a fragment whose outermost element has the id ``element_id``. ``read``: fetches
    its context. ``concerns``: whether a change of the feed can be seen in it.
    ``look_every_seconds``: how often it is also read without a change, for facts that nobody
    announces. ``pause_seconds``: the least time between two readings.
    """

    element_id: str
    template: str
    read: Callable[[], Awaitable[dict[str, Any]]]
    concerns: Callable[[Any], bool] = lambda _change: True
    look_every_seconds: float = math.inf
    pause_seconds: float = MIN_PAUSE_SECONDS


async def live_stream(
    request: AnyRequest, feed: ChangeFeed[Any], *regions: Region
) -> ServerSentEvent:
    """Return the answer to ``GET …/live``: the regions as they are, now and after every change.

    Raise what their ``read`` raises, such as ``NotFoundException``.
    """
    for region in regions:
        await region.read()  # a failure is an error page now, not a broken stream later
    return ServerSentEvent(_messages(request, feed, regions))


async def _messages(
    request: AnyRequest, feed: ChangeFeed[Any], regions: Sequence[Region]
) -> AsyncIterator[ServerSentEventMessage]:
    clock = asyncio.get_running_loop().time
    look_every = min(region.look_every_seconds for region in regions)
    shown: dict[Region, str] = {}  # the HTML of each region that the page has
    stale: Sequence[Region] = regions
    # Subscribe before the first reading, so that no change is lost between the two.
    with feed.subscribe() as subscription:
        read_at = spoke_at = clock()
        while not subscription.is_over:
            if stale:
                current = await _read(request, stale)
                if current is None:
                    return
                if changed := {it: html for it, html in current.items() if html != shown.get(it)}:
                    yield _message(changed)
                    shown |= changed
                    spoke_at = clock()
                read_at = clock()
                await asyncio.sleep(max(region.pause_seconds for region in stale))
            wake_at = min(read_at + look_every, spoke_at + KEEP_ALIVE_SECONDS)
            changes = await subscription.next_changes(timeout=max(0, wake_at - clock()))
            is_due = clock() >= read_at + look_every
            stale = [region for region in regions if is_due or _concerns(region, changes)]
            if clock() >= spoke_at + KEEP_ALIVE_SECONDS:
                yield ServerSentEventMessage(data=None, comment="still here")
                spoke_at = clock()


def _concerns(region: Region, changes: frozenset[Any]) -> bool:
    return any(change.is_everything or region.concerns(change) for change in changes)


async def _read(request: AnyRequest, regions: Sequence[Region]) -> dict[Region, str] | None:
    """Return the HTML of each region, or None if the database is away: the browser reconnects."""
    try:
        return {region: await _render(request, region) for region in regions}
    except SQLAlchemyError as error:
        logger.warning("%s: stream ends, database unavailable: %s", request.url.path, error)
        return None


async def _render(request: AnyRequest, region: Region) -> str:
    """Return the region's HTML as it is now."""
    answer = Template(region.template, context=await region.read())
    template = request.app.template_engine.get_template(region.template)  # type: ignore[union-attr]
    return str(template.render(**answer.create_template_context(request)))


def _message(changed: dict[Region, str]) -> ServerSentEventMessage:
    """Return one message with all changed regions, so that pauses bound the updates."""
    return ServerSentEventMessage(data="".join(map(_partial, changed, changed.values())))


def _partial(region: Region, html: str) -> str:
    target = f'hx-target="#{region.element_id}" hx-swap="outerMorph"'
    return f"<hx-partial {target}>{html}</hx-partial>"
