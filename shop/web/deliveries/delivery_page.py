"""The page of one delivery, live. What can be done with it: ``actions``."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region, live_stream
from shop.config import Settings
from shop.database.models import Attempt
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState
from shop.web.deliveries.attempts import view_attempts
from shop.web.deliveries.hold_reason import held_back_by, may_resend
from shop.web.deliveries.timeline import build_timeline, summarize
from shop.web.deliveries.wire import body_text, pretty_json
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.lookups import no_such_delivery
from shop.webhooks.queries.deliveries import (
    DeliveryDetail,
    DeliveryFilter,
    LogRow,
    find_delivery,
    list_deliveries,
)
from shop.webhooks.rules.retries import RetrySchedule

ALL = "all"
MAX_SIBLINGS = 20  # further deliveries of the same message
# Attempts that are shown in full unless more are asked for; each live update sends them anew.
MAX_NEWEST_IN_FULL = 5
# Then it is as many as the longest schedule has, twice. Each may have 16 KiB of a stranger's bytes,
# so a page that grew with every attempt could keep the shop busy for seconds.
MAX_IN_FULL = 20
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)

AnyRequest = Request[Any, Any, Any]


@get("/deliveries/{delivery_id:str}", include_in_schema=False)
async def show_delivery(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, delivery_id: FromPath[str]
) -> Template:
    """One delivery with its timeline and its newest attempts; ``?attempts=all`` shows more.

    ``?attempts=25``: those up to that number.
    """
    view = _View.read(request, settings, delivery_id)
    context = await _region(database, view).read()
    return Template("shop/deliveries/delivery.html", context=context)


@get("/deliveries/{delivery_id:str}/live", include_in_schema=False)
async def stream_delivery(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    feed: TheFeed,
    delivery_id: FromPath[str],
) -> ServerSentEvent:
    """The same, kept up to date."""
    view = _View.read(request, settings, delivery_id)
    return await live_stream(request, feed, _region(database, view))


@dataclass(frozen=True, slots=True)
class _View:
    """What is to be shown."""

    delivery_id: str
    settings: Settings
    attempts: str  # "", "all", or the number of the last one to be shown

    @classmethod
    def read(cls, request: AnyRequest, settings: Settings, delivery_id: str) -> "_View":
        wanted = request.query_params.get("attempts", "")
        is_meant = wanted == ALL or _NUMBER.fullmatch(wanted)
        return cls(delivery_id, settings, wanted if is_meant else "")

    @property
    def schedule(self) -> RetrySchedule:
        return self.settings.retry_schedule

    @property
    def address(self) -> str:
        return f"/deliveries/{self.delivery_id}"

    @property
    def live_address(self) -> str:
        return f"{self.address}/live" + (f"?attempts={self.attempts}" if self.attempts else "")

    def shown(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Those of a delivery's attempts that are shown in full."""
        if not self.attempts:
            return attempts[-MAX_NEWEST_IN_FULL:]
        last = len(attempts) if self.attempts == ALL else min(len(attempts), int(self.attempts))
        return attempts[max(0, last - MAX_IN_FULL) : last]

    def address_of(self, number: int, shown: Sequence[Attempt], newest: int) -> str:
        """Where the attempt of this number is shown in full."""
        if shown and shown[0].number <= number <= shown[-1].number:
            return f"#attempt-{number}"
        wanted = ALL if number > newest - MAX_IN_FULL else number
        return f"{self.address}?attempts={wanted}#attempt-{number}"


def _region(database: Database, view: _View) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_delivery(session, view.delivery_id)
            if found is None:
                raise no_such_delivery(view.delivery_id, view.settings)
            of_message = DeliveryFilter(message_id=found.message.id)
            # Two more than shown: this delivery is among them, and one tells whether more follow.
            page = await list_deliveries(session, of_message, limit=MAX_SIBLINGS + 2)
        return {
            **_standing(found, datetime.now(UTC)),
            # Apart from the event loop: it makes a stranger's bytes readable.
            **await asyncio.to_thread(_attempts, found, view),
            **_message(found, page.rows),
            "live_address": view.live_address,
        }

    # Any: another delivery's answer may have disabled the endpoint or opened its circuit breaker.
    # An equal page is not sent.
    return Region("delivery", "shop/deliveries/_delivery.html", read, lambda _change: True)


def _standing(found: DeliveryDetail, now: datetime) -> dict[str, Any]:
    return {
        "delivery": found.delivery,
        "order": found.order,
        "endpoint": found.endpoint,
        "may_resend": may_resend(found.delivery, found.endpoint),
        "may_cancel": found.delivery.state is DeliveryState.PENDING,
        "held_back_by": held_back_by(found.delivery, found.endpoint, now),
    }


def _attempts(found: DeliveryDetail, view: _View) -> dict[str, Any]:
    timeline = build_timeline(found.delivery, found.attempts, view.schedule)
    shown, newest = view.shown(found.attempts), len(found.attempts)
    return {
        "timeline": timeline,
        "summary": summarize(found.delivery, timeline),
        "attempt_count": newest,
        "attempts": view_attempts(shown, found.message.body),
        "shown_from": shown[0].number if shown else 1,
        "fits_one_page": newest <= MAX_IN_FULL,
        "attempt_address": lambda number: view.address_of(number, shown, newest),
    }


def _message(found: DeliveryDetail, rows: Sequence[LogRow]) -> dict[str, Any]:
    siblings = [row for row in rows if row.delivery.id != found.delivery.id]
    return {
        "message": found.message,
        "body": body_text(found.message.body),
        "pretty_body": pretty_json(found.message.body),
        "siblings": siblings[:MAX_SIBLINGS],
        "more_siblings": len(siblings) > MAX_SIBLINGS,
    }
