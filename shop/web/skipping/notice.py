"""The notice on all pages that time is being skipped, and what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request

from hookshop.webkit.access import may_manage
from hookshop.webkit.live import Region
from shop.redis.change_feed import Change
from shop.web.formatting import span
from shop.webhooks.clock import ClockReading

ELEMENT_ID = "skip-notice"

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class SkipNotice:
    """What an advance does now. ``until``: a time that ends ``waits_for``, in real time."""

    distance: str
    waits_for: str
    until: datetime | None


def read_skip_notice(request: AnyRequest) -> SkipNotice | None:
    """Return the notice for those who may skip time; None if there is nothing to say."""
    app = request.app
    if not may_manage(request, app.state.settings):
        return None
    reading: ClockReading | None = app.state.clock_watch.reading
    return describe(reading) if reading else None


def describe(reading: ClockReading) -> SkipNotice:
    """Return what to say about an advance that is under way."""
    distance = "to the next attempt"
    if reading.remaining is not None:
        distance = f"up to {span(reading.remaining.total_seconds())}"
    in_flight, due = reading.quiescence.in_flight, reading.quiescence.due
    waits_for = ""
    if in_flight:
        waits_for = f"for {_deliveries(in_flight)} in flight, until"
    elif due:
        waits_for = f"until a worker has sent {_deliveries(due)}"
    return SkipNotice(distance, waits_for, reading.in_flight_until if in_flight else None)


def _deliveries(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"


def notice_region() -> Region:
    """Return the notice as a region of a live page."""
    return Region(ELEMENT_ID, "shop/skipping/_notice.html", _nothing, _is_clock)


async def _nothing() -> dict[str, Any]:
    """Return no context: the template calls ``read_skip_notice``."""
    return {}


def _is_clock(change: Change) -> bool:
    return change.kind == "clock"
