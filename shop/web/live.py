"""Keeps pages up to date by server-sent events: one mechanism for all of them.

A live page consists of an ordinary answer and of a stream beside it. Page and stream render the
same ``Region`` from the database, so a stream that was interrupted only has to start again: its
first message is how things are now. How htmx applies a message: ``templates/shared/macros.html``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.response import ServerSentEvent, Template
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.exc import SQLAlchemyError

from shop.announcements import Change, ChangeFeed

SHORTEST_PAUSE_SECONDS = 0.1  # at most ten updates a second, whatever the load
KEEP_ALIVE_SECONDS = 15  # proxies close what is silent for longer

_ALL = frozenset({Change.everything()})

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a page that changes while one looks at it.

    ``template``: a fragment whose outermost element has the id ``element_id``. ``read``: fetches
    what the fragment shows. ``concerns``: whether a change can be seen in it.
    ``look_every_seconds``: for what nobody announces, such as a Redis that went away, it is also
    read whenever nothing was announced for so long. ``pause_seconds``: at least so much lies
    between two readings.
    """

    element_id: str
    template: str
    read: Callable[[], Awaitable[dict[str, Any]]]
    concerns: Callable[[Change], bool]
    look_every_seconds: float | None = None
    pause_seconds: float = SHORTEST_PAUSE_SECONDS


async def live_stream(request: AnyRequest, feed: ChangeFeed, region: Region) -> ServerSentEvent:
    """The answer to ``GET …/live``: the region as it is, now and after every change.

    Raises what ``region.read`` raises, such as ``NotFoundException``.
    """
    await region.read()  # what cannot be read is an error page now, not a broken stream later
    return ServerSentEvent(_messages(request, feed, region))


async def _messages(
    request: AnyRequest, feed: ChangeFeed, region: Region
) -> AsyncIterator[ServerSentEventMessage]:
    # Subscribed before the first reading, so that nothing falls between the two.
    async with feed.subscribe() as subscription:
        shown = None
        changes = _ALL
        while not subscription.is_over:
            if any(_is_everything(change) or region.concerns(change) for change in changes):
                html = await _render(request, region)
                if html is None:
                    return
                if html != shown:
                    yield _message(region, html)
                    shown = html
                await asyncio.sleep(region.pause_seconds)
            changes = await subscription.next_changes(
                timeout=region.look_every_seconds or KEEP_ALIVE_SECONDS
            )
            if not changes:
                yield ServerSentEventMessage(data=None, comment="still here")
                if region.look_every_seconds:
                    changes = _ALL


def _is_everything(change: Change) -> bool:
    return change.kind == "everything"


async def _render(request: AnyRequest, region: Region) -> str | None:
    """The region's HTML, or None when the database is away: the browser will connect again."""
    try:
        context = await region.read()
    except SQLAlchemyError as error:
        logger.warning("%s: stream ends, database unavailable: %s", request.url.path, error)
        return None
    answer = Template(region.template, context=context)
    template = request.app.template_engine.get_template(region.template)  # type: ignore[union-attr]
    return str(template.render(**answer.create_template_context(request)))


def _message(region: Region, html: str) -> ServerSentEventMessage:
    target = f'hx-target="#{region.element_id}" hx-swap="outerMorph"'
    return ServerSentEventMessage(data=f"<hx-partial {target}>{html}</hx-partial>")
