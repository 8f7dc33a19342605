"""The page of one delivery, live. What can be done with it: ``actions``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from shop.config import Settings
from shop.database import Database
from shop.vocabulary import DeliveryState
from shop.web.deliveries.attempts import view_attempts
from shop.web.deliveries.holding import held_back_by, may_resend
from shop.web.deliveries.timeline import build_timeline, summarise
from shop.web.deliveries.wire import body_text, pretty_json
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.found import no_such_delivery
from shop.web.live import Region, live_stream
from shop.webhooks.log import (
    DeliveryDetail,
    DeliveryFilter,
    LogRow,
    find_delivery,
    list_deliveries,
)
from shop.webhooks.retries import RetrySchedule

ALL = "all"
MOST_SIBLINGS = 20  # further deliveries of the same message
# Attempts that are shown in full unless all are asked for: a page that anyone can make longer by
# sending again must not grow without bounds, and each live update sends it anew.
MOST_IN_FULL = 5

AnyRequest = Request[Any, Any, Any]


@get("/deliveries/{delivery_id:str}", include_in_schema=False)
async def show_delivery(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, delivery_id: FromPath[str]
) -> Template:
    """One delivery with its timeline and its newest attempts; with all of ``?attempts=all``."""
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
    wants_all: bool

    @classmethod
    def read(cls, request: AnyRequest, settings: Settings, delivery_id: str) -> "_View":
        wants_all = request.query_params.get("attempts") == ALL
        return cls(delivery_id, settings, wants_all)

    @property
    def schedule(self) -> RetrySchedule:
        return self.settings.retry_schedule

    @property
    def address(self) -> str:
        return f"/deliveries/{self.delivery_id}"

    @property
    def live_address(self) -> str:
        return f"{self.address}/live" + (f"?attempts={ALL}" if self.wants_all else "")


def _region(database: Database, view: _View) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            found = await find_delivery(session, view.delivery_id)
            if found is None:
                raise no_such_delivery(view.delivery_id, view.settings)
            of_message = DeliveryFilter(message_id=found.message.id)
            # Two more than shown: this delivery is among them, and one tells whether more follow.
            page = await list_deliveries(session, of_message, limit=MOST_SIBLINGS + 2)
        return {
            **_standing(found),
            **_attempts(found, view),
            **_message(found, page.rows),
            "live_address": view.live_address,
        }

    # Any: another delivery's answer may have disabled the endpoint or opened its circuit breaker.
    # An equal page is not sent.
    return Region("delivery", "shop/deliveries/_delivery.html", read, lambda _change: True)


def _standing(found: DeliveryDetail) -> dict[str, Any]:
    return {
        "delivery": found.delivery,
        "order": found.order,
        "endpoint": found.endpoint,
        "may_resend": may_resend(found.delivery, found.endpoint),
        "may_cancel": found.delivery.state is DeliveryState.PENDING,
        "held_back_by": held_back_by(found.delivery, found.endpoint),
    }


def _attempts(found: DeliveryDetail, view: _View) -> dict[str, Any]:
    timeline = build_timeline(found.delivery, found.attempts, view.schedule)
    shown = found.attempts if view.wants_all else found.attempts[-MOST_IN_FULL:]
    return {
        "timeline": timeline,
        "summary": summarise(found.delivery, timeline),
        "attempt_count": len(found.attempts),
        "attempts": view_attempts(shown, found.message.body),
        "shown_from": shown[0].number if shown else 1,
        "all_attempts": f"{view.address}?attempts={ALL}",
    }


def _message(found: DeliveryDetail, rows: Sequence[LogRow]) -> dict[str, Any]:
    siblings = [row for row in rows if row.delivery.id != found.delivery.id]
    return {
        "message": found.message,
        "body": body_text(found.message.body),
        "pretty_body": pretty_json(found.message.body),
        "siblings": siblings[:MOST_SIBLINGS],
        "more_siblings": len(siblings) > MOST_SIBLINGS,
    }
