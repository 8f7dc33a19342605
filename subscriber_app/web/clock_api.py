"""``/v1/clock``: skip time in the subscriber and its shop, and wait until it is skipped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from hookshop.webkit.bodies import StrictJson
from hookshop.webkit.clock_api import AdvanceClock, RemainingSeconds, StepWaitDocument
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import problems
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from subscriber_app.shop_api.client import CannotAdvance
from subscriber_app.shop_api.clock import ShopClockReading
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.web.dependencies import TheFeed, TheShopClock

AT_THE_SHOP = {502: "The shop cannot be reached, or cannot skip time. `detail` says why."}
State = Annotated[Literal["ready", "advancing"], Meta(examples=["ready"])]
Skipped = Annotated[float, Meta(examples=[86400.0])]


class ShopClockDocument(Struct):
    """The shop's clock, as its own ``GET /v1/clock`` says."""

    state: State
    skipped_seconds: Skipped
    remaining_seconds: RemainingSeconds
    step_waits_for: Annotated[StepWaitDocument | None, Meta(examples=[None])]


class ClockDocument(Struct):
    """The clock of the subscriber and of its shop.

    ``state``: ``ready`` if all time is skipped in the shop, and former secrets expire here as they
    do there. ``satisfied``: whether it is. ``skipped_seconds``: by all advances of the shop.
    """

    satisfied: Satisfied
    state: State
    skipped_seconds: Skipped
    shop: ShopClockDocument


@post(
    "/clock/advance",
    status_code=202,
    dto=StrictJson[AdvanceClock],
    return_dto=None,
    responses=problems(
        {
            409: "An advance is under way, or with `next_attempt`: nothing is planned.",
            422: "Too many deliveries are pending at the shop.",
            **AT_THE_SHOP,
        }
    ),
)
async def advance_clock(data: JSONBody[AdvanceClock], shop_clock: TheShopClock) -> ClockDocument:
    """Skip time in the shop, and let former secrets expire here when they do there.

    Then wait with `GET /v1/clock`.
    """
    distance = data.distance
    with _problem_of_the_shop():
        return _document(await shop_clock.advance(distance))


@get("/clock", responses=problems({**TIMED_OUT, **AT_THE_SHOP}))
async def get_clock(
    *,
    request: Request[Any, Any, Any],
    feed: TheFeed,
    shop_clock: TheShopClock,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> ClockDocument:
    """Return whether time is being skipped. With `wait`, wait until it is not."""

    async def read() -> ClockDocument:
        with _problem_of_the_shop():
            return _document(await shop_clock.read())

    asked = Wait.read(wait or 0, strict=strict)
    assert asked is not None  # noqa: S101 – it is None only without seconds
    return await wait_until_satisfied(request, feed, asked, Condition(read, _progress))


@contextmanager
def _problem_of_the_shop() -> Iterator[None]:
    try:
        yield
    except CannotAdvance as error:
        raise Problem(error.status, str(error)) from None
    except ShopError as error:
        raise Problem(502, f"{error}. Start the shop, or check its URL and token") from None


def _document(reading: ShopClockReading) -> ClockDocument:
    state: Literal["ready", "advancing"] = "ready" if reading.is_ready else "advancing"
    return ClockDocument(
        satisfied=reading.is_ready,
        state=state,
        skipped_seconds=reading.skipped_seconds,
        shop=ShopClockDocument(
            state=state,
            skipped_seconds=reading.skipped_seconds,
            remaining_seconds=reading.remaining_seconds,
            step_waits_for=reading.step_waits_for,
        ),
    )


def _progress(found: ClockDocument) -> str:
    return f"the shop's next step waits for {found.shop.step_waits_for}"


CLOCK = [advance_clock, get_clock]
