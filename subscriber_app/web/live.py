"""Keeps pages up to date by server-sent events: one mechanism for all of them.

A live page consists of an ordinary answer and of a stream beside it. Page and stream render the
same ``Region``s from the database, so a stream that was interrupted only has to start again: its
first messages are how things are now. How htmx applies them: ``templates/shared/macros.html``.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.response import ServerSentEvent, Template
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.exc import SQLAlchemyError

from subscriber_app.news import NewsFeed

SHORTEST_PAUSE_SECONDS = 0.1  # at most ten updates a second, whatever the load
KEEP_ALIVE_SECONDS = 15  # proxies close what is silent for longer

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that changes while one looks at it.

    ``template``: a fragment whose outermost element has the id ``element_id``. ``read``: fetches
    what the fragment shows.
    """

    element_id: str
    template: str
    read: Callable[[], Awaitable[dict[str, Any]]]


async def live_stream(
    request: AnyRequest,
    feed: NewsFeed,
    *regions: Region,
    look_again_seconds: float = math.inf,
) -> ServerSentEvent:
    """The answer to ``GET …/live``: the regions as they are, now and after every change.

    ``look_again_seconds``: for what changes without news, since it is read from elsewhere. Raises
    what their ``read`` raises, such as ``BadCursor``.
    """
    for region in regions:
        await region.read()  # what cannot be read is an error page now, not a broken stream later
    return ServerSentEvent(_messages(request, feed, regions, look_again_seconds))


async def _messages(
    request: AnyRequest, feed: NewsFeed, regions: tuple[Region, ...], look_again_seconds: float
) -> AsyncIterator[ServerSentEventMessage]:
    # Listening before the first reading, so that nothing falls between the two.
    with feed.listening() as listener:
        shown: dict[Region, str] = {}  # the HTML that the page has of each
        while not listener.is_over:
            try:
                current = {region: await _render(request, region) for region in regions}
            except SQLAlchemyError as error:
                # The stream ends, and the browser connects again.
                logger.warning("%s: database unavailable: %s", request.url.path, error)
                return
            changed = {it: html for it, html in current.items() if html != shown.get(it)}
            if changed:
                yield _message(changed)
                shown = current
            await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
            while not await listener.hear(timeout=min(look_again_seconds, KEEP_ALIVE_SECONDS)):
                if look_again_seconds <= KEEP_ALIVE_SECONDS:
                    break
                yield ServerSentEventMessage(data=None, comment="still here")


async def _render(request: AnyRequest, region: Region) -> str:
    """The region's HTML as it is now."""
    answer = Template(region.template, context=await region.read())
    template = request.app.template_engine.get_template(region.template)  # type: ignore[union-attr]
    return str(template.render(**answer.create_template_context(request)))


def _message(changed: dict[Region, str]) -> ServerSentEventMessage:
    """All that has changed since the last one; so the pause between messages bounds updates."""
    return ServerSentEventMessage(data="".join(map(_partial, changed, changed.values())))


def _partial(region: Region, html: str) -> str:
    target = f'hx-target="#{region.element_id}" hx-swap="outerMorph"'
    return f"<hx-partial {target}>{html}</hx-partial>"
