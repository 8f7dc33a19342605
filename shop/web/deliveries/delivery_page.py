"""The live page of one delivery. Its actions are in ``actions``."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template

from hookshop.webkit.live import Region
from shop.config import Settings
from shop.database.models import Attempt
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState
from shop.web.deliveries.attempts import view_attempts
from shop.web.deliveries.hold_reason import held_back_by, may_resend, may_skip, resend_nonce
from shop.web.deliveries.sentence import DeliverySummary, describe
from shop.web.deliveries.timeline import build_timeline, summarize
from shop.web.deliveries.wire import body_text, pretty_json
from shop.web.dependencies import TheDatabase, TheFeed, TheSettings
from shop.web.lookups import no_such_delivery
from shop.web.sandboxes.effective_settings import schedule_here
from shop.web.steady_orders.pages import shop_stream
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
# Attempts shown in full by default. Few, because each live update sends them again.
MAX_NEWEST_IN_FULL = 5
# Attempts shown in full with ?attempts: twice as many as the longest schedule has. Each may have a
# response of 16 KiB, so without a limit a page could keep the shop busy for seconds.
MAX_IN_FULL = 20
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)

AnyRequest = Request[Any, Any, Any]


@get("/deliveries/{delivery_id:str}", include_in_schema=False)
async def show_delivery(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, delivery_id: FromPath[str]
) -> Template:
    """Show a delivery with its timeline and newest attempts.

    ``?attempts=all`` shows more attempts; ``?attempts=25`` shows those up to number 25.
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
    """Stream the page of the delivery."""
    view = _View.read(request, settings, delivery_id)
    return await shop_stream(request, feed, _region(database, view))


@dataclass(frozen=True, slots=True)
class _View:
    """The delivery to show, and which of its attempts in full."""

    delivery_id: str
    settings: Settings
    schedule: RetrySchedule
    attempts: str  # "", "all", or the number of the last one to show

    @classmethod
    def read(cls, request: AnyRequest, settings: Settings, delivery_id: str) -> "_View":
        wanted = request.query_params.get("attempts", "")
        is_valid = wanted == ALL or _NUMBER.fullmatch(wanted)
        schedule = schedule_here(request, settings)
        return cls(delivery_id, settings, schedule, wanted if is_valid else "")

    @property
    def address(self) -> str:
        return f"/deliveries/{self.delivery_id}"

    @property
    def live_address(self) -> str:
        return f"{self.address}/live" + (f"?attempts={self.attempts}" if self.attempts else "")

    def shown(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Return the attempts to show in full."""
        if not self.attempts:
            return attempts[-MAX_NEWEST_IN_FULL:]
        last = len(attempts) if self.attempts == ALL else min(len(attempts), int(self.attempts))
        return attempts[max(0, last - MAX_IN_FULL) : last]

    def address_of(self, number: int, shown: Sequence[Attempt], newest: int) -> str:
        """Return the URL at which the attempt with this number is shown in full."""
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
            # Two more than shown: one is this delivery, and one shows whether there are more.
            page = await list_deliveries(session, of_message, limit=MAX_SIBLINGS + 2)
        return {
            **_status_context(found, datetime.now(UTC)),
            # In a thread: formatting responses can take long and must not block the event loop.
            **await asyncio.to_thread(_attempts_context, found, view),
            **_message_context(found, page.rows),
            "live_address": view.live_address,
        }

    # Every change: another delivery's response may have disabled the endpoint or opened its circuit
    # breaker. If the page stays the same, nothing is sent.
    return Region("delivery", "shop/deliveries/_delivery.html", read, lambda _change: True)


def _status_context(found: DeliveryDetail, now: datetime) -> dict[str, Any]:
    delivery, reason = found.delivery, held_back_by(found.delivery, found.endpoint, now)
    return {
        "sentence": describe(
            DeliverySummary(
                delivery.state,
                delivery.attempt_count,
                delivery.created_at,
                delivery.completed_at,
                delivery.next_attempt_at,
                delivery.last_status,
                delivery.last_error,
                reason,
            )
        ),
        "delivery": found.delivery,
        "order": found.order,
        "endpoint": found.endpoint,
        "may_resend": may_resend(found.delivery, found.endpoint),
        "may_skip": may_skip(found.delivery, found.endpoint, now),
        "resend_nonce": resend_nonce(found.delivery),
        "may_cancel": found.delivery.state is DeliveryState.PENDING,
        "held_back_by": reason,
    }


def _attempts_context(found: DeliveryDetail, view: _View) -> dict[str, Any]:
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


def _message_context(found: DeliveryDetail, rows: Sequence[LogRow]) -> dict[str, Any]:
    siblings = [row for row in rows if row.delivery.id != found.delivery.id]
    return {
        "message": found.message,
        "body": body_text(found.message.body),
        "pretty_body": pretty_json(found.message.body),
        "siblings": siblings[:MAX_SIBLINGS],
        "more_siblings": len(siblings) > MAX_SIBLINGS,
    }
