"""``/story``: the newest messages, and the trace of one of them, updated live."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region, live_stream
from subscriber_app.explaining.order_contents import OrderContents
from subscriber_app.explaining.trace import Trace
from subscriber_app.explaining.trace_builder import TraceBuilder
from subscriber_app.web.dependencies import (
    TheFeed,
    TheMissions,
    TheOrderContents,
    TheSite,
    TheTraceBuilder,
)
from subscriber_app.web.faults import fault_banner
from subscriber_app.web.missions.strip import mission_strip
from subscriber_app.web.trace.drawing import NARROW, WIDE, draw
from subscriber_app.web.trace.labels import trace_lines

PATH = "/story"
MAX_LISTED_MESSAGES = 20
# The shop's half changes without an announcement on our change feed.
REFRESH_SECONDS = 1.0
MAX_ID_LENGTH = 200

AnyRequest = Request[Any, Any, Any]


class UnknownMessage(NotFoundException):
    """Neither the shop nor our database has the message."""


@get(PATH, include_in_schema=False)
async def show_trace(
    request: AnyRequest,
    trace_builder: TheTraceBuilder,
    order_contents: TheOrderContents,
    site: TheSite,
) -> Template:
    """Show the trace of ``message_id``, or without one the newest messages to choose from."""
    message_id = _message_id(request)
    if not message_id:
        return await _messages(trace_builder, order_contents)
    try:
        context = await _region(trace_builder, site.shop_url, message_id).read()
    except UnknownMessage as unknown:
        return await _messages(trace_builder, order_contents, message_id, unknown)
    bought = await order_contents.of_messages([message_id])
    context["bought"] = bought.get(message_id, "")
    context["live_address"] = f"{PATH}/live?{urlencode({'message_id': message_id})}"
    return Template("subscriber/trace/trace.html", context=context)


@get(f"{PATH}/live", include_in_schema=False)
async def stream_trace(
    request: AnyRequest,
    trace_builder: TheTraceBuilder,
    site: TheSite,
    feed: TheFeed,
    missions: TheMissions,
) -> ServerSentEvent:
    """Stream the same page's region."""
    region = _region(trace_builder, site.shop_url, _message_id(request))
    return await live_stream(request, feed, region, fault_banner(), mission_strip(missions))


async def _messages(
    trace_builder: TraceBuilder,
    order_contents: OrderContents,
    message_id: str = "",
    unknown: UnknownMessage | None = None,
) -> Template:
    """Return the list of messages, with the error if the requested one is unknown."""
    messages = await trace_builder.newest_messages(MAX_LISTED_MESSAGES)
    known = [receipt.message_id for receipt in messages if receipt.message_id]
    return Template(
        "subscriber/trace/messages.html",
        context={
            "messages": messages,
            "bought": await order_contents.of_messages(known),
            "message_id": message_id,
            "problem": unknown.detail if unknown else "",
        },
        status_code=404 if unknown else 200,
    )


def _message_id(request: AnyRequest) -> str:
    return request.query_params.get("message_id", "").strip()[:MAX_ID_LENGTH]


def _region(trace_builder: TraceBuilder, shop_url: str, message_id: str) -> Region:
    async def read() -> dict[str, Any]:
        found = await trace_builder.build(message_id)
        if found.trace is None:
            raise UnknownMessage(found.problem or "Neither the shop nor the inbox has it")
        lines = trace_lines(found.trace, shop_url=shop_url)
        return {
            "message_id": message_id,
            "found": found,
            "trace": found.trace,
            "value_cents": _value_cents(found.trace),
            "lines": lines,
            "drawings": [draw(lines, WIDE), draw(lines, NARROW)],
            "clock_offset_ms": round(found.trace.clock_offset.total_seconds() * 1000),
            "shop_url": shop_url,
        }

    return Region(
        "trace", "subscriber/trace/_trace.html", read, poll_interval_seconds=REFRESH_SECONDS
    )


def _value_cents(trace: Trace) -> int | None:
    """Return the value of the event, if a receipt has one."""
    values = [event.request.value_cents for event in trace.events if event.request]
    return next((value for value in values if value), None)
