"""Recovers the deliveries that an endpoint missed since a time: shows the number, then does it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.datetime_input import EXAMPLE, read_moment
from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.times import utc_now
from shop.config import Settings
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.vocabulary import EndpointStatus
from shop.web.dependencies import TheActions, TheDatabase, TheSettings
from shop.web.flash import with_resent_count
from shop.web.lookups import existing_endpoint
from shop.webhooks.recovery import RecoveryRange, count_recoverable

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
    (ALL, "everything since it was registered"),
]

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The start of the time to recover, as chosen in the form.

    ``period``: a key of ``PERIODS``, or ``all``. ``typed``: a time in UTC, used instead of a period
    if it is not empty. ``since``: the resulting time, or None if the choice is invalid; ``problem``
    then says why.
    """

    period: str = ""
    typed: str = ""
    since: datetime | None = None
    problem: str = ""

    @classmethod
    def read(
        cls, text: Callable[[str], str], *, registered_at: datetime, now: datetime
    ) -> "Beginning":
        """Return the checked choice. ``text``: returns a field's value, or an empty string."""
        period, typed = text("period"), text("since")
        if typed:
            since = read_moment(typed)
            if since is None:
                return cls(period, typed, problem=f"Enter a time such as {EXAMPLE}.")
            if since > now:
                return cls(period, typed, problem="This time is in the future. Times are UTC.")
            return cls(period, typed, since)
        if period == ALL:
            return cls(period, since=registered_at)
        if period in PERIODS:
            return cls(period, since=now - PERIODS[period])
        return cls(problem="Choose a start.")


@get("/endpoints/{endpoint_id:str}/recover", include_in_schema=False)
async def confirm_recovery(
    request: AnyRequest, settings: TheSettings, database: TheDatabase, endpoint_id: FromPath[str]
) -> Template:
    """Show how many deliveries would be resent and created, and ask for confirmation."""
    endpoint = await existing_endpoint(database, endpoint_id)
    query = request.query_params
    asked = "period" in query or "since" in query
    beginning = _read(lambda name: query.get(name, "").strip(), endpoint) if asked else Beginning()
    return await _page(settings, database, endpoint, beginning)


@post("/endpoints/{endpoint_id:str}/recover", include_in_schema=False)
@once_per_form
async def recover_endpoint(
    request: AnyRequest,
    settings: TheSettings,
    database: TheDatabase,
    actions: TheActions,
    endpoint_id: FromPath[str],
) -> AnyResponse:
    """Resend undelivered deliveries since the chosen time, and create those that were missed."""
    endpoint = await existing_endpoint(database, endpoint_id)
    beginning = _read((await read_form(request)).text, endpoint)
    if endpoint.status is EndpointStatus.DISABLED:
        return await _page(settings, database, endpoint, beginning, status=409)
    if beginning.since is None:
        return await _page(settings, database, endpoint, beginning)
    span = RecoveryRange.of(endpoint, beginning.since, retention=settings.retention, now=utc_now())
    recovery = await actions.recover(endpoint, span)
    return Redirect(with_resent_count(f"/endpoints/{endpoint_id}", recovery.count), status_code=303)


def _read(text: Callable[[str], str], endpoint: Endpoint) -> Beginning:
    return Beginning.read(text, registered_at=endpoint.created_at, now=utc_now())


async def _page(
    settings: Settings,
    database: Database,
    endpoint: Endpoint,
    beginning: Beginning,
    *,
    status: int | None = None,
) -> Template:
    recovery = None
    if beginning.since and endpoint.status is not EndpointStatus.DISABLED:
        span = RecoveryRange.of(
            endpoint, beginning.since, retention=settings.retention, now=utc_now()
        )
        async with database.reading() as session:
            recovery = await count_recoverable(session, endpoint, span)
    return Template(
        "shop/endpoints/recover.html",
        context={
            "endpoint": endpoint,
            "beginning": beginning,
            "recovery": recovery,
            "period_choices": PERIOD_CHOICES,
        },
        status_code=status or (422 if beginning.problem else 200),
    )
