"""``/story``: the newest messages, and the story of one of them, live."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region, live_stream
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.web.controls import fault_banner
from subscriber_app.web.dependencies import TheFeed, TheSettings, TheStoryteller
from subscriber_app.web.story.drawing import NARROW, WIDE, draw
from subscriber_app.web.story.words import lines_of

PATH = "/story"
MESSAGES_LISTED = 20
# The shop's half changes without any news here.
LOOK_AGAIN_SECONDS = 1.0
MAX_ID_LENGTH = 200

AnyRequest = Request[Any, Any, Any]


class UnknownMessage(NotFoundException):
    """Neither side has anything to tell of the message."""


@get(PATH, include_in_schema=False)
async def show_story(
    request: AnyRequest, storyteller: TheStoryteller, settings: TheSettings
) -> Template:
    """One message across both applications; without ``message_id``, those to choose from."""
    message_id = _message_id(request)
    if not message_id:
        return await _messages(storyteller)
    try:
        context = await _region(storyteller, settings.shop_url, message_id).read()
    except UnknownMessage as unknown:
        return await _messages(storyteller, message_id, unknown)
    context["live_address"] = f"{PATH}/live?{urlencode({'message_id': message_id})}"
    return Template("subscriber/story/story.html", context=context)


@get(f"{PATH}/live", include_in_schema=False)
async def stream_story(
    request: AnyRequest, storyteller: TheStoryteller, settings: TheSettings, feed: TheFeed
) -> ServerSentEvent:
    """The same, kept up to date."""
    region = _region(storyteller, settings.shop_url, _message_id(request))
    return await live_stream(request, feed, region, fault_banner())


async def _messages(
    storyteller: TraceBuilder, message_id: str = "", unknown: UnknownMessage | None = None
) -> Template:
    """Those that can be told of; and why the one that was asked for cannot."""
    return Template(
        "subscriber/story/messages.html",
        context={
            "messages": await storyteller.newest_messages(MESSAGES_LISTED),
            "message_id": message_id,
            "problem": unknown.detail if unknown else "",
        },
        status_code=404 if unknown else 200,
    )


def _message_id(request: AnyRequest) -> str:
    return request.query_params.get("message_id", "").strip()[:MAX_ID_LENGTH]


def _region(storyteller: TraceBuilder, shop_url: str, message_id: str) -> Region:
    async def read() -> dict[str, Any]:
        told = await storyteller.tell(message_id)
        if told.story is None:
            raise UnknownMessage(told.problem or "Neither the shop nor the inbox has it")
        lines = lines_of(told.story, shop_url=shop_url)
        return {
            "message_id": message_id,
            "told": told,
            "story": told.story,
            "lines": lines,
            "drawings": [draw(lines, WIDE), draw(lines, NARROW)],
            "clock_gap_ms": round(told.story.clock_gap.total_seconds() * 1000),
            "shop_url": shop_url,
        }

    return Region(
        "story", "subscriber/story/_story.html", read, poll_interval_seconds=LOOK_AGAIN_SECONDS
    )
