"""``/v1/quiescence``: whether anything is still to be sent, for tests that wait for that."""

from enum import StrEnum
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from hookshop.webkit.json_api import problems
from hookshop.webkit.times import utc_now
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from shop.web.api.attempts import rfc3339_ms_or_none
from shop.web.api.fields import Time
from shop.web.dependencies import TheDatabase, TheFeed
from shop.webhooks.queries.quiescence import read_quiescence


class QuietLevel(StrEnum):
    """How quiet it must be."""

    IDLE = "idle"  # nothing is due or in flight; retries may be planned
    SETTLED = "settled"  # nothing is pending either, except for paused and disabled endpoints


Level = Annotated[
    QuietLevel,
    QueryParameter(
        description="`idle`: nothing is due or in flight. `settled`: nothing is pending either, "
        "except deliveries to paused and disabled endpoints."
    ),
]
Count = Annotated[int, Meta(examples=[0])]


class QuiescenceDocument(Struct):
    """The unfinished deliveries.

    ``in_flight``: are being sent. ``pending``: wait. Of these, ``due``: could be sent this moment;
    at most 5000 are counted for each endpoint. ``held``: their endpoint is paused or disabled, its
    circuit breaker is open, or it sent Retry-After. ``next_attempt_at``: when the next of them is
    sent; null if none is, unless a person acts.
    """

    satisfied: Satisfied
    in_flight: Count
    due: Count
    pending: Count
    held: Count
    next_attempt_at: Annotated[Time | None, Meta(examples=[None])]


@get("/quiescence", responses=problems(TIMED_OUT))
async def get_quiescence(  # noqa: PLR0913 – one parameter for each part of the query string
    *,
    request: Request[Any, Any, Any],
    database: TheDatabase,
    feed: TheFeed,
    level: Level = QuietLevel.IDLE,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> QuiescenceDocument:
    """Return whether anything is due, in flight or pending. With ``wait``, wait until nothing is.

    It counts all deliveries of the sandbox.
    """

    async def read() -> QuiescenceDocument:
        async with database.reading() as session:
            found = await read_quiescence(session, now=utc_now())
        is_quiet = found.is_idle if level is QuietLevel.IDLE else found.is_settled
        return QuiescenceDocument(
            satisfied=is_quiet,
            in_flight=found.in_flight,
            due=found.due,
            pending=found.pending,
            held=found.held,
            next_attempt_at=rfc3339_ms_or_none(found.next_attempt_at),
        )

    asked = Wait.read(wait or 0, strict=strict)
    assert asked is not None  # noqa: S101 – it is None only without seconds
    return await wait_until_satisfied(request, feed, asked, Condition(read, _progress))


def _progress(found: QuiescenceDocument) -> str:
    return (
        f"{found.in_flight} in flight, {found.due} due, {found.pending} pending, {found.held} held"
    )
