"""Resending in bulk: an endpoint's undelivered deliveries, and those that match a filter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from tests.integration.shop.browsing import (
    SCRIPT,
    Shop,
    attempt,
    new_delivery,
    order,
    register,
    state,
)
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver

URL = "http://127.0.0.1:9001/hook"


async def cancel(shop: Shop, delivery_id: str) -> None:
    await shop.post(f"/v1/deliveries/{delivery_id}/cancel", json={})


async def cancelled_deliveries(shop: Shop, count: int) -> list[str]:
    ids = [(await order(shop))["delivery_ids"][0] for _ in range(count)]
    for delivery_id in ids:
        await cancel(shop, delivery_id)
    return ids


async def make_older(database: Database, table: type[Any], id_: str, age: timedelta) -> None:
    async with database.writing() as session:
        row = await session.get_one(table, id_)
        row.created_at -= age
        session.add(row)


def heading(page: Page, text: str) -> bool:
    return f"<h1>{text}</h1>" in page.answer.text


async def test_recovering_counts_first_and_then_resends_undelivered_deliveries(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint_id = await register(shop, receiver.url)
    address = f"/endpoints/{endpoint_id}"
    arrived = (await order(shop))["delivery_ids"][0]
    await attempt(engine, clock)
    lost = await cancelled_deliveries(shop, 2)
    visitor = Visitor(shop)

    asked = await visitor.get(f"{address}/recover", period="day", since="")
    assert [await state(shop, one) for one in lost] == ["cancelled", "cancelled"]
    done = await visitor.submit(f"{address}/recover", since=asked.values["since"][0])
    page = await visitor.get(done.answer.headers["location"])

    assert heading(asked, "Recover 2 deliveries?")
    assert f"{address}/recover" in asked.forms
    assert done.status == 303
    assert done.answer.headers["location"] == f"{address}?sent_again=2"
    assert "2 deliveries resent." in page.text
    assert [await state(shop, one) for one in (arrived, *lost)] == [
        "succeeded",
        "pending",
        "pending",
    ]


async def test_the_endpoints_page_offers_each_period(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}")

    assert f"/endpoints/{endpoint_id}/recover" in page.forms
    for label in ("the last hour", "the last day", "the last 7 days", "everything since"):
        assert label in page.text


@pytest.mark.parametrize(("period", "count"), [("hour", 1), ("day", 2), ("week", 3), ("all", 3)])
async def test_a_period_selects_newer_deliveries(
    period: str, count: int, shop: Shop, database: Database
) -> None:
    endpoint_id = await register(shop, URL)
    await make_older(database, Endpoint, endpoint_id, timedelta(days=3))
    ids = await cancelled_deliveries(shop, 3)
    await make_older(database, Delivery, ids[1], timedelta(hours=2))
    await make_older(database, Delivery, ids[2], timedelta(days=2))

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}/recover", period=period)

    noun = "delivery" if count == 1 else "deliveries"
    assert heading(page, f"Recover {count} {noun}?")


async def test_an_entered_time_overrides_the_period(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    await cancelled_deliveries(shop, 1)
    address = f"/endpoints/{endpoint_id}/recover"
    visitor = Visitor(shop)
    long_ago = (datetime.now(UTC) - timedelta(days=300)).strftime("%Y-%m-%dT%H:%M")

    page = await visitor.get(address, period="hour", since=long_ago)

    assert heading(page, "Recover 1 delivery?")
    assert long_ago.replace("T", " ") in page.text
    assert long_ago in page.values["since"]


async def test_nothing_to_recover_is_said_and_nothing_is_offered(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}/recover", period="all")

    assert "Nothing to recover." in page.text
    assert set(page.forms) == {
        "/appearance",
        f"/endpoints/{endpoint_id}/recover",
    }  # asks for confirmation again


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Choose a start."),
        ({"period": "year"}, "Choose a start."),
        ({"period": SCRIPT}, "Choose a start."),
        ({"since": "yesterday"}, "Enter a time such as"),
        ({"since": SCRIPT}, "Enter a time such as"),
        ({"since": "2026-02-30T12:00"}, "Enter a time such as"),
        ({"since": "2026-11-23"}, "Enter a time such as"),
        ({"since": "2026-11-23T12:00+02:00"}, "Enter a time such as"),
        ({"since": "0000-01-01T00:00"}, "Enter a time such as"),
        ({"since": "99999-01-01T00:00"}, "Enter a time such as"),
        ({"since": "\x00"}, "Enter a time such as"),
        ({"since": "９９９９-01-01T00:00"}, "Enter a time such as"),
        ({"since": "9999-12-31T23:59"}, "This time is in the future"),
    ],
    ids=str,
)
async def test_an_invalid_start_time_recovers_nothing(
    fields: dict[str, str], problem: str, shop: Shop
) -> None:
    endpoint_id = await register(shop, URL)
    [lost] = await cancelled_deliveries(shop, 1)
    address = f"/endpoints/{endpoint_id}/recover"
    visitor = Visitor(shop)

    asked = await visitor.get(address, **fields)
    done = await visitor.submit(address, **fields)

    for page in (done, asked) if fields else (done,):
        assert page.status == 422
        assert problem in page.text
        assert all(page.scripts)
    assert await state(shop, lost) == "cancelled"


async def test_a_disabled_endpoint_is_enabled_before_it_is_recovered(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 410
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    [endpoint] = (await shop.get("/v1/webhooks")).json()["data"]
    address = f"/endpoints/{endpoint['id']}"
    visitor = Visitor(shop)

    asked = await visitor.get(f"{address}/recover", period="all")
    refused = await visitor.submit(f"{address}/recover", period="all")
    await visitor.submit(f"{address}/status", status="active")
    done = await visitor.submit(f"{address}/recover", period="all")

    assert (asked.status, refused.status, done.status) == (200, 409, 303)
    for page in (asked, refused):
        assert "The endpoint is disabled" in page.text
        assert f"{address}/status" in page.forms
        assert f"{address}/recover" not in page.forms
    assert await state(shop, delivery_id) == "pending"


@pytest.mark.parametrize("text", ["-1", "1e9", SCRIPT, "9" * 30, "٣"])
async def test_rubbish_instead_of_a_count_is_not_repeated(text: str, shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    for path in ("/deliveries", f"/endpoints/{endpoint_id}"):
        page = await Visitor(shop).get(path, sent_again=text)

        assert page.status == 200
        assert "resent." not in page.text


async def test_deliveries_that_match_the_filter_are_resent_after_confirmation(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    lost = await cancelled_deliveries(shop, 2)
    waiting = (await order(shop))["delivery_ids"][0]
    await cancel(shop, waiting)
    await register(shop, "http://127.0.0.1:9002/other")
    other = (await order(shop))["delivery_ids"]
    for delivery_id in other:
        await cancel(shop, delivery_id)
    visitor = Visitor(shop)
    query = f"state=cancelled&endpoint_id={endpoint_id}&event_type=purchase.created&q=9001"

    log = await visitor.get(f"/deliveries?{query}")
    [address] = [link for link, text in log.links.items() if text == "Resend filtered…"]
    asked = await visitor.get(address)
    fields = ("state", "endpoint_id", "event_type", "q")
    done = await visitor.submit(
        "/deliveries/retry", **{name: asked.values[name][0] for name in fields}
    )
    after = await visitor.get(done.answer.headers["location"])

    assert address == f"/deliveries/retry?{query}"
    assert heading(asked, "Resend 4 deliveries?")
    for words in ("State cancelled", f"Endpoint {URL}", "Event type purchase.created", "URL 9001"):
        assert words in asked.text
    assert done.status == 303
    assert done.answer.headers["location"] == f"/deliveries?{query}&sent_again=4"
    assert "4 deliveries resent." in after.text
    assert {await state(shop, one) for one in (*lost, waiting)} == {"pending"}
    assert sorted([await state(shop, one) for one in other]) == ["cancelled", "pending"]


async def test_without_a_filter_all_undelivered_deliveries_are_resent(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    arrived = (await order(shop))["delivery_ids"][0]
    await attempt(engine, clock)
    lost = await cancelled_deliveries(shop, 1)
    visitor = Visitor(shop)

    asked = await visitor.get("/deliveries/retry")
    done = await visitor.submit("/deliveries/retry")

    assert heading(asked, "Resend 1 delivery?")
    assert "all deliveries to all endpoints" in asked.text
    assert done.answer.headers["location"] == "/deliveries?sent_again=1"
    assert [await state(shop, one) for one in (arrived, *lost)] == ["succeeded", "pending"]


async def test_nothing_to_send_again_is_said_with_the_filter(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    visitor = Visitor(shop)

    page = await visitor.get("/deliveries/retry", state="succeeded")
    done = await visitor.submit("/deliveries/retry", state="succeeded")
    after = await visitor.get(done.answer.headers["location"])

    assert heading(page, "Nothing to resend")
    assert "State succeeded" in page.text
    assert "/deliveries/retry" not in page.forms
    assert "Nothing was undelivered." in after.text
    assert "/deliveries/retry?state=succeeded" not in after.links


async def test_deliveries_that_cannot_be_resent_are_counted_separately(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 410
    await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    await register(shop, URL)
    await cancelled_deliveries(shop, 1)

    page = await Visitor(shop).get("/deliveries/retry")

    assert heading(page, "Resend 1 delivery?")
    assert "1 delivery is not resent, because the endpoint is disabled or deleted." in page.text
    assert "/endpoints" in page.links


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "lost"), ("state", SCRIPT), ("event_type", "\x00"), ("event_type", "order.created")],
)
async def test_an_invalid_filter_sends_nothing(name: str, value: str, shop: Shop) -> None:
    await register(shop, URL)
    [lost] = await cancelled_deliveries(shop, 1)
    visitor = Visitor(shop)

    asked = await visitor.get("/deliveries/retry", **{name: value})
    done = await visitor.submit("/deliveries/retry", **{name: value})

    for page in (asked, done):
        assert page.status == 400
        assert all(page.scripts)
    assert await state(shop, lost) == "cancelled"


@pytest.mark.parametrize("q", [SCRIPT, "%", "\\", "' OR 1=1 --", "x" * 5000, "\x00"])
async def test_a_search_for_rubbish_sends_nothing_again(q: str, shop: Shop) -> None:
    await register(shop, URL)
    [lost] = await cancelled_deliveries(shop, 1)
    visitor = Visitor(shop)

    asked = await visitor.get("/deliveries/retry", q=q)
    done = await visitor.submit("/deliveries/retry", q=q)

    assert asked.status == 200
    assert done.status == 303
    assert all(asked.scripts)
    assert await state(shop, lost) == "cancelled"
