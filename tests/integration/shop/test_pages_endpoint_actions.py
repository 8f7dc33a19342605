"""Pausing, enabling, editing and testing an endpoint on its page; its circuit breaker."""

from typing import Any

import pytest

from tests.integration.shop.browsing import (
    HOSTILE_NAME,
    SCRIPT,
    Shop,
    attempt,
    fail_attempts,
    new_delivery,
    order,
    register,
    state,
)
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver

pytestmark = pytest.mark.one_database("its statements run in the tests of the API")

NOBODY = "http://127.0.0.1:1025/nobody"


async def endpoint(shop: Shop, endpoint_id: str) -> dict[str, Any]:
    document: dict[str, Any] = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()
    return document


async def disabled_endpoint(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> tuple[str, str]:
    """An endpoint that responded with 410, and the delivery: their ids."""
    receiver.status = 410
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    return (await shop.get("/v1/webhooks")).json()["data"][0]["id"], delivery_id


def offered(page: Page) -> set[str]:
    """Return the actions that the page offers as buttons."""
    names = ("ping", "status")
    return {form.rpartition("/")[2] for form in page.forms if form.endswith(names)}


async def test_pausing_makes_deliveries_wait_and_resuming_lets_them_go(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    address = f"/endpoints/{endpoint_id}"
    visitor = Visitor(shop)

    paused = await visitor.submit(f"{address}/status", status="paused")
    [delivery_id] = (await order(shop))["delivery_ids"]
    await attempt(engine, clock)
    while_paused = await visitor.get(address)
    assert receiver.requests == []
    resumed = await visitor.submit(f"{address}/status", status="active")
    await attempt(engine, clock)

    for answer in (paused, resumed):
        assert answer.status == 303
        assert answer.answer.headers["location"] == address
    assert "This endpoint is paused" in while_paused.text
    assert while_paused.values["status"] == ["active"]
    assert await state(shop, delivery_id) == "succeeded"
    assert (await visitor.get(address)).values["status"] == ["paused"]


@pytest.mark.parametrize("status", ["", "disabled", "ACTIVE", "active ; paused", SCRIPT, "\x00"])
async def test_an_invalid_status_changes_nothing(status: str, shop: Shop) -> None:
    endpoint_id = await register(shop)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/status", status=status)

    assert page.status == 400
    assert "The status can be set to active or paused" in page.text
    assert all(page.scripts)
    assert (await endpoint(shop, endpoint_id))["status"] == "active"


async def test_a_gone_endpoint_says_why_and_is_enabled_by_one_click(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id, delivery_id = await disabled_endpoint(shop, engine, clock, receiver)
    address = f"/endpoints/{endpoint_id}"
    visitor = Visitor(shop)

    before = await visitor.get(address)
    listed = await visitor.get("/endpoints")
    enabled = await visitor.submit(f"{address}/status", status="active")
    after = await visitor.get(address)

    assert "The shop has disabled this endpoint" in before.text
    assert "it responded 410 Gone" in before.text
    assert "then enable the endpoint" in before.text
    assert before.values["status"] == ["active"]
    assert offered(before) == {"status"}
    assert "disabled gone" in listed.text
    assert enabled.status == 303
    assert "disabled" not in after.text
    assert (await endpoint(shop, endpoint_id))["status"] == "active"
    assert await state(shop, delivery_id) == "failed"


async def test_a_failing_endpoint_says_how_many_deliveries_failed_in_a_row(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    endpoint_id = await register(shop, NOBODY)
    for _ in range(3):  # the threshold of the engine in these tests
        [_delivery_id] = (await order(shop))["delivery_ids"]
        for _attempt in range(3):
            await attempt(engine, clock)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    assert "failing – 3 deliveries in a row ran out of retries." in page.text
    assert page.values["status"] == ["active"]


async def test_a_disabled_endpoint_is_not_paused_and_keeps_its_reason(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id, _delivery_id = await disabled_endpoint(shop, engine, clock, receiver)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/status", status="paused")

    assert page.status == 409
    assert "enable it first" in page.text
    assert page.links[f"/endpoints/{endpoint_id}"] == "Open the endpoint"
    assert (await endpoint(shop, endpoint_id))["disabled_reason"] == "gone"


async def test_a_test_event_leads_to_its_delivery_whatever_the_filter_says(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    visitor = Visitor(shop)

    sent = await visitor.submit(f"/endpoints/{endpoint_id}/ping")
    address = sent.answer.headers["location"]
    await attempt(engine, clock)
    page = await visitor.get(address)

    assert sent.status == 303
    assert "webhook.ping" in page.text
    assert "200 OK" in page.text
    assert b'"type":"webhook.ping"' in receiver.requests[0].body


async def test_a_disabled_endpoint_gets_no_test_event(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id, _delivery_id = await disabled_endpoint(shop, engine, clock, receiver)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/ping")

    assert page.status == 409
    assert "enable it first" in page.text
    assert page.links[f"/endpoints/{endpoint_id}"] == "Open the endpoint"
    assert (await shop.get("/v1/stats")).json()["deliveries"]["pending"] == 0


async def test_the_edit_form_shows_current_values_and_keeps_input(shop: Shop) -> None:
    endpoint_id = await register(shop, description="Before")
    address = f"/endpoints/{endpoint_id}"
    visitor = Visitor(shop)
    types = ["purchase.shipped", "purchase.refunded"]

    form = await visitor.get(f"{address}/edit")
    saved = await visitor.submit(
        f"{address}/edit", description=f" {HOSTILE_NAME} ", event_types=types
    )
    page = await visitor.get(address)

    assert form.values["description"] == ["Before"]
    assert form.ticked == ["purchase.created"]
    assert saved.status == 303
    assert saved.answer.headers["location"] == address
    assert HOSTILE_NAME in page.text
    assert ", ".join(types) in page.text
    assert (await endpoint(shop, endpoint_id))["event_types"] == types


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"event_types": []}, "Select at least one event."),
        ({"event_types": ["webhook.ping"]}, "Select events from the list."),
        ({"event_types": [SCRIPT]}, "Select events from the list."),
        ({"description": "a" * 201}, "Use at most 200 characters; these are 201."),
        ({"description": "a\x1b[31mb"}, "Use printable characters only."),
    ],
    ids=str,
)
async def test_a_wrong_edit_is_shown_again_with_the_reason_and_changes_nothing(
    fields: dict[str, Any], problem: str, shop: Shop
) -> None:
    endpoint_id = await register(shop, description="Before")
    before = await endpoint(shop, endpoint_id)
    typed = {"description": "After", "event_types": ["purchase.shipped"], **fields}

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/edit", **typed)

    assert page.status == 422
    assert problem in page.text
    assert "The endpoint was not changed." in page.text
    assert page.values["description"] == [typed["description"]]
    assert all(page.scripts)
    assert await endpoint(shop, endpoint_id) == before


async def test_an_open_circuit_breaker_is_explained_and_stands_in_the_list(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    endpoint_id = await register(shop, NOBODY)
    visitor = Visitor(shop)
    await fail_attempts(shop, engine, clock, 19)
    closed = await visitor.get(f"/endpoints/{endpoint_id}")

    await fail_attempts(shop, engine, clock, 1)

    page = await visitor.get(f"/endpoints/{endpoint_id}")
    assert "breaker is open." not in closed.text
    assert "The circuit breaker is open." in page.text
    assert "The last 20 requests to this endpoint failed" in page.text
    assert 'data-moment="countdown"' in page.answer.text
    assert "active circuit breaker open" in (await visitor.get("/endpoints")).text


async def test_a_pause_says_more_than_an_open_circuit_breaker(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    endpoint_id = await register(shop, NOBODY)
    await fail_attempts(shop, engine, clock, 20)
    visitor = Visitor(shop)

    await visitor.submit(f"/endpoints/{endpoint_id}/status", status="paused")

    page = await visitor.get(f"/endpoints/{endpoint_id}")
    assert "This endpoint is paused" in page.text
    assert "breaker is open." not in page.text


async def test_an_endpoint_counts_its_own_deliveries_by_state(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    await order(shop)
    await attempt(engine, clock)
    await order(shop)
    await register(shop, NOBODY)
    await order(shop)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    counts = {
        name: page.links[f"/deliveries?state={name}&endpoint_id={endpoint_id}"].split()
        for name in ("succeeded", "sending", "pending", "failed", "cancelled")
    }
    assert {name: int(words[-1]) for name, words in counts.items()} == {
        "succeeded": 1,
        "sending": 0,
        "pending": 2,
        "failed": 0,
        "cancelled": 0,
    }
