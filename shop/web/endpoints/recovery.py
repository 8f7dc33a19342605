"""Sends again what did not arrive at an endpoint since a time: count first, then do it.

Reached from the endpoint's page, and leads back to it, where one sees how it goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from shop.announcements import Change
from shop.database import Database
from shop.models import Endpoint
from shop.vocabulary import EndpointStatus
from shop.web.dependencies import TheDatabase, TheFeed
from shop.web.forms import read_form
from shop.web.found import existing_endpoint
from shop.web.moments import EXAMPLE, read_moment
from shop.web.sent_again import with_sent_again
from shop.webhooks.by_hand import count_undelivered, resend_undelivered
from shop.webhooks.log import DeliveryFilter

ALL = "all"
PERIODS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
PERIOD_CHOICES = [
    ("hour", "the last hour"),
    ("day", "the last day"),
    ("week", "the last 7 days"),
    (ALL, "all since it was registered"),
]

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Since when to send again. ``since``: None until it is chosen well; then ``problem`` says why.

    ``period``: a key of ``PERIODS``, or ``all``. ``typed``: a moment in UTC, which counts instead.
    """

    period: str = ""
    typed: str = ""
    since: datetime | None = None
    problem: str = ""

    @classmethod
    def read(
        cls, text: Callable[[str], str], *, registered_at: datetime, now: datetime
    ) -> "Beginning":
        """``text``: gives the value of a field by its name, empty when there is none."""
        period, typed = text("period"), text("since")
        if typed:
            since = read_moment(typed)
            if since is None:
                return cls(period, typed, problem=f"Type a moment such as {EXAMPLE}.")
            if since > now:
                return cls(period, typed, problem="This moment is still to come; the time is UTC.")
            return cls(period, typed, since)
        if period == ALL:
            return cls(period, since=registered_at)
        if period in PERIODS:
            return cls(period, since=now - PERIODS[period])
        return cls(problem="Choose since when.")


@get("/endpoints/{endpoint_id:str}/recover", include_in_schema=False)
async def confirm_recovery(
    request: AnyRequest, database: TheDatabase, endpoint_id: FromPath[str]
) -> Template:
    """Say how many deliveries would be sent again since then, and ask."""
    endpoint = await existing_endpoint(database, endpoint_id)
    query = request.query_params
    asked = "period" in query or "since" in query
    beginning = _read(lambda name: query.get(name, "").strip(), endpoint) if asked else Beginning()
    return await _page(database, endpoint, beginning)


@post("/endpoints/{endpoint_id:str}/recover", include_in_schema=False)
async def recover(
    request: AnyRequest, database: TheDatabase, feed: TheFeed, endpoint_id: FromPath[str]
) -> AnyResponse:
    """Make everything due since then that has not succeeded."""
    endpoint = await existing_endpoint(database, endpoint_id)
    beginning = _read((await read_form(request)).text, endpoint)
    if endpoint.status is EndpointStatus.DISABLED:
        return await _page(database, endpoint, beginning, status=409)
    if beginning.since is None:
        return await _page(database, endpoint, beginning)
    wanted = DeliveryFilter(endpoint_id=endpoint_id, since=beginning.since)
    async with database.writing() as session:
        # The workers' scheduler finds them: thousands of wake-ups would only crowd the queue.
        count = await resend_undelivered(session, wanted, now=datetime.now(UTC))
    await feed.announce(Change.everything())
    return Redirect(with_sent_again(f"/endpoints/{endpoint_id}", count), status_code=303)


def _read(text: Callable[[str], str], endpoint: Endpoint) -> Beginning:
    return Beginning.read(text, registered_at=endpoint.created_at, now=datetime.now(UTC))


async def _page(
    database: Database, endpoint: Endpoint, beginning: Beginning, *, status: int | None = None
) -> Template:
    count = None
    if beginning.since and endpoint.status is not EndpointStatus.DISABLED:
        wanted = DeliveryFilter(endpoint_id=endpoint.id, since=beginning.since)
        async with database.reading() as session:
            count = await count_undelivered(session, wanted)
    return Template(
        "shop/endpoints/recover.html",
        context={
            "endpoint": endpoint,
            "beginning": beginning,
            "count": count,
            "period_choices": PERIOD_CHOICES,
        },
        status_code=status or (422 if beginning.problem else 200),
    )
