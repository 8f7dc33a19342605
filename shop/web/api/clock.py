"""``/v1/clock``: skip time in a sandbox, and wait until it is skipped."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.clock_api import AdvanceClock, RemainingSeconds, StepWaitDocument
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
from shop.database.transactions import Database
from shop.vocabulary import ClockState
from shop.web.api.attempts import rfc3339_ms_or_none
from shop.web.api.fields import SkippedSeconds
from shop.web.dependencies import TheActions, TheDatabase, TheFeed
from shop.webhooks.clock import ClockReading, read_clock
from shop.webhooks.rules.advances import MAX_PENDING


class ClockDocument(Struct):
    """The clock of the sandbox.

    ``satisfied``: whether it is ready. ``skipped_seconds``: by all advances since the sandbox was
    made or emptied. ``remaining_seconds``: how far the advance under way still goes at most; null
    if that is the next attempt, which may not be planned yet. ``step_waits_for``: null if ready.
    """

    satisfied: Satisfied
    state: Annotated[ClockState, Meta(examples=["ready"])]
    skipped_seconds: SkippedSeconds
    remaining_seconds: RemainingSeconds
    step_waits_for: Annotated[StepWaitDocument | None, Meta(examples=[None])]


@post(
    "/clock/advance",
    status_code=202,
    dto=StrictJson[AdvanceClock],
    return_dto=None,
    responses=problems(
        {
            409: "An advance is under way, or with `next_attempt`: nothing is planned.",
            422: f"More than {MAX_PENDING} deliveries are pending.",
        }
    ),
)
async def advance_clock(
    data: JSONBody[AdvanceClock], database: TheDatabase, actions: TheActions
) -> ClockDocument:
    """Skip time: bring attempts, probes and the expiry of former secrets nearer.

    Each attempt on the way is really made, in its order, and signed at the real time. Then wait
    with `GET /v1/clock`.
    """
    await actions.advance_clock(data.distance)
    return await _read(database)


@get("/clock", responses=problems(TIMED_OUT))
async def get_clock(
    *,
    request: Request[Any, Any, Any],
    database: TheDatabase,
    feed: TheFeed,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> ClockDocument:
    """Return whether time is being skipped. With `wait`, wait until it is not.

    Then everything that became due on the way has ended.
    """
    asked = Wait.read(wait or 0, strict=strict)
    assert asked is not None  # noqa: S101 – it is None only without seconds
    ready = Condition(lambda: _read(database), _progress)
    return await wait_until_satisfied(request, feed, asked, ready)


async def _read(database: Database) -> ClockDocument:
    async with database.reading() as session:
        found = await read_clock(session, now=utc_now())
    return ClockDocument(
        satisfied=not found.is_advancing,
        state=found.state,
        skipped_seconds=found.skipped.total_seconds(),
        remaining_seconds=None if found.remaining is None else found.remaining.total_seconds(),
        step_waits_for=_step_wait(found) if found.is_advancing else None,
    )


def _step_wait(found: ClockReading) -> StepWaitDocument:
    return StepWaitDocument(
        found.quiescence.in_flight,
        found.quiescence.due,
        rfc3339_ms_or_none(found.in_flight_until),
    )


def _progress(found: ClockDocument) -> str:
    return f"the next step waits for {found.step_waits_for}"
