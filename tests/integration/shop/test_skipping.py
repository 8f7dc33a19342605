"""The buttons that skip time, and what pages say of the time that was skipped."""

import re
from datetime import timedelta
from typing import Any

import pytest

from hookshop.webkit.times import utc_now
from shop.database.bound_sandbox import bound_to
from shop.database.transactions import Database
from shop.web.skipping.notice import describe
from shop.web.skipping.watch import ClockWatch
from shop.webhooks.clock import read_clock
from tests.integration.shop.browsing import (
    Shop,
    fail_attempts,
    new_delivery,
    order,
    register,
    state,
)
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver

SKIP = "Skip the wait"


@pytest.fixture
async def waiting(shop: Shop, engine: Engine, clock: Clock, receiver: Receiver) -> str:
    """A delivery that was rejected once and waits for its next attempt."""
    receiver.status = 503
    delivery_id = await new_delivery(shop, receiver.url)
    clock.catch_up()
    await engine.deliver()
    return delivery_id


async def press(shop: Shop, path: str, seen_on: str, **fields: Any) -> Page:
    """Send a form to skip time as a browser does, with the nonce that is on the page."""
    visitor = Visitor(shop)
    page = await visitor.get(seen_on)
    nonces = re.findall(r'name="_nonce" value="([^"]+)"', page.answer.text)
    return await visitor.submit(path, seen_on, _nonce=nonces[0], **fields)


async def let_it_end(shop: Shop, engine: Engine, clock: Clock) -> None:
    for _ in range(100):
        clock.catch_up()
        await engine.deliver()
        if (await shop.get("/v1/clock")).json()["satisfied"]:
            return
    raise AssertionError("still advancing")


async def read_delivery(shop: Shop, delivery_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    return found


async def test_skipping_the_wait_makes_the_next_attempt_and_leads_back(
    shop: Shop, engine: Engine, clock: Clock, waiting: str
) -> None:
    address = f"/deliveries/{waiting}"

    answer = await press(shop, f"{address}/skip", address, back=address)
    await let_it_end(shop, engine, clock)

    found = await read_delivery(shop, waiting)
    assert answer.status == 303
    assert answer.answer.headers["location"] == address
    assert [each["response"]["status"] for each in found["attempts"]] == [503, 503]
    assert found["attempts"][1]["skipped_seconds"] > 5


async def test_a_waiting_delivery_says_how_skipping_differs_from_resending(
    shop: Shop, waiting: str
) -> None:
    page = await Visitor(shop).get(f"/deliveries/{waiting}")

    assert (
        "Skip the wait: as if the time had passed; other deliveries planned until then are sent, "
        "too. Resend now: only this delivery, at once."
    ) in page.text


@pytest.mark.usefixtures("waiting")
async def test_the_button_in_the_log_is_described(shop: Shop) -> None:
    page = await Visitor(shop).get("/deliveries")

    assert page.answer.text.count('aria-describedby="skip"') == 1
    assert "As if the time had passed;" in page.text


async def test_skipping_to_the_end_uses_up_the_schedule(
    shop: Shop, engine: Engine, clock: Clock, waiting: str
) -> None:
    address = f"/deliveries/{waiting}"

    await press(shop, f"{address}/skip", address, back=address, to="end")
    await let_it_end(shop, engine, clock)

    assert await state(shop, waiting) == "failed"
    page = await Visitor(shop).get(address)
    assert SKIP not in page.text


async def test_the_same_form_twice_skips_once(
    shop: Shop, engine: Engine, clock: Clock, waiting: str
) -> None:
    visitor, address = Visitor(shop), f"/deliveries/{waiting}"
    page = await visitor.get(address)
    [nonce] = set(re.findall(r'name="_nonce" value="([^"]+)"', page.answer.text))

    for _ in range(2):
        answer = await visitor.submit(f"{address}/skip", address, _nonce=nonce, back=address)
        assert answer.status == 303
        await let_it_end(shop, engine, clock)

    assert len((await read_delivery(shop, waiting))["attempts"]) == 2


async def test_a_second_skip_meanwhile_says_that_time_is_being_skipped(
    shop: Shop, waiting: str
) -> None:
    address = f"/deliveries/{waiting}"
    await shop.post("/v1/clock/advance", json={"seconds": 5})

    answer = await press(shop, f"{address}/skip", address, back=address)

    assert answer.status == 409
    assert "Time is being skipped already; wait until that has ended" in answer.text
    assert answer.links[address] == "Back"


async def test_with_nothing_planned_the_page_says_so(shop: Shop) -> None:
    visitor = Visitor(shop)

    answer = await visitor.submit("/skip", "/flow", back="/flow")

    assert answer.status == 409
    assert "There is no wait to skip: no attempt is planned" in answer.text


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/deliveries/dlv_gone/skip", {}, 404),
        ("/endpoints/ep_gone/skip", {}, 404),
        ("/deliveries/dlv_gone/skip", {"to": "never"}, 400),
    ],
)
async def test_bad_input_is_refused(
    shop: Shop, path: str, fields: dict[str, str], status: int
) -> None:
    assert (await Visitor(shop).submit(path, "/flow", **fields)).status == status


async def test_no_form_leads_to_another_host(shop: Shop, waiting: str) -> None:
    address = f"/deliveries/{waiting}"

    answer = await press(shop, f"{address}/skip", address, back="//evil.example/")

    assert answer.answer.headers["location"] == address


async def test_each_page_with_a_countdown_has_the_button(shop: Shop, waiting: str) -> None:
    found = await read_delivery(shop, waiting)

    for address in (
        "/deliveries",
        f"/deliveries/{waiting}",
        f"/orders/{found['order_id']}",
        f"/endpoints/{found['endpoint_id']}",
        "/flow",
    ):
        assert SKIP in (await Visitor(shop).get(address)).text, address


async def test_the_log_leads_back_to_the_row(shop: Shop, waiting: str) -> None:
    answer = await press(shop, f"/deliveries/{waiting}/skip", "/deliveries", log="state=pending")

    assert answer.answer.headers["location"] == f"/deliveries?state=pending#row-{waiting}"


async def test_a_paused_endpoint_has_no_wait_to_skip(shop: Shop, waiting: str) -> None:
    endpoint_id = (await read_delivery(shop, waiting))["endpoint_id"]
    await Visitor(shop).submit(
        f"/endpoints/{endpoint_id}/status", f"/endpoints/{endpoint_id}", status="paused"
    )

    for address in ("/deliveries", f"/deliveries/{waiting}", "/flow"):
        assert SKIP not in (await Visitor(shop).get(address)).text, address


async def test_the_wait_for_a_probe_can_be_skipped(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    await fail_attempts(shop, engine, clock, times=20)
    await order(shop)
    address = f"/endpoints/{endpoint_id}"
    page = await Visitor(shop).get(address)
    before = len(receiver.requests)

    answer = await press(shop, f"{address}/skip", address, back=address)
    await let_it_end(shop, engine, clock)

    assert "The circuit breaker is open." in page.text
    assert answer.status == 303
    assert len(receiver.requests) > before


async def test_attempts_and_the_timeline_say_what_was_skipped(
    shop: Shop, engine: Engine, clock: Clock, waiting: str
) -> None:
    await press(shop, f"/deliveries/{waiting}/skip", f"/deliveries/{waiting}")
    await let_it_end(shop, engine, clock)

    found = await read_delivery(shop, waiting)
    page = await Visitor(shop).get(f"/deliveries/{waiting}")
    order_page = await Visitor(shop).get(f"/orders/{found['order_id']}")
    assert page.text.count("skipped") >= 2
    assert "(skipped" in order_page.text


@pytest.mark.one_database("the notice does not depend on it; asyncpg cannot look from two loops")
@pytest.mark.usefixtures("waiting")
async def test_an_advance_that_takes_long_is_on_every_page_until_it_ends(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    watch: ClockWatch = shop.app.state.clock_watch
    await shop.post("/v1/clock/advance", json={"seconds": 5})
    await watch.look()
    await watch.look()  # the first one only notes it: most advances end in a moment
    during = [await Visitor(shop).get(path) for path in ("/overview", "/flow", "/")]
    await let_it_end(shop, engine, clock)
    await watch.look()

    after = await Visitor(shop).get("/overview")

    assert all("Skipping time up to 5 s." in page.text for page in during)
    assert "Skipping time" not in after.text


@pytest.mark.usefixtures("waiting")
async def test_the_notice_says_what_the_step_waits_for(shop: Shop, database: Database) -> None:
    await order(shop)
    await shop.post("/v1/clock/advance", json={"seconds": 1800})

    with bound_to(0):
        async with database.reading() as session:
            notice = describe(await read_clock(session, now=utc_now() + timedelta(seconds=1)))

    assert notice.distance == "up to 30 min"
    assert notice.waits_for == "until a worker has sent 1 delivery"
    assert notice.until is None
