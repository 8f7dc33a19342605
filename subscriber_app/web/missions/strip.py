"""The strip at the top of each page: the current mission, and what it still lacks."""

import asyncio
from contextlib import suppress
from typing import Any

from litestar import Request

from hookshop.webkit.access import LIVE_SUFFIX
from hookshop.webkit.live import Region
from subscriber_app.missions.missions import Missions
from subscriber_app.shop_api.money import PAGE_TIMEOUT_SECONDS
from subscriber_app.web.current_parts import parts_if_known

AnyRequest = Request[Any, Any, Any]


async def look_before_page(request: AnyRequest) -> None:
    """Judge the current mission, so that the strip of a page that is opened is up to date."""
    parts = parts_if_known(request)
    if parts and request.method == "GET":
        await look_in_time(parts.missions)


async def look_in_time(missions: Missions) -> None:
    """Judge the current mission. If the shop is slow, the strip shows the result of the last look.

    The response to a form that is itself a page needs this: only pages that are opened are judged
    by themselves.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PAGE_TIMEOUT_SECONDS):
            await missions.look_at_current()


def mission_strip(missions: Missions) -> Region:
    """Return the strip."""

    async def read() -> dict[str, Any]:
        await missions.look_at_current()
        return {}  # the fragment calls current_mission(), which every page has

    return Region("mission-strip", "subscriber/missions/_strip.html", read)


def page_address(request: AnyRequest) -> str:
    """Return the path and query of the page, also in its stream or in the response to a form."""
    if request.method != "GET":
        return "/"
    path = request.url.path.removesuffix(LIVE_SUFFIX)
    if path == "/receipts" and request.url.path.endswith(LIVE_SUFFIX):
        path = "/"  # the stream of the inbox
    return f"{path}?{request.url.query}" if request.url.query else path
