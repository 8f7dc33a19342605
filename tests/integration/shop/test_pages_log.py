"""The log of deliveries: filters, pages, time ranges, ids, resending from a row, stable rows."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shop.database.models import Attempt, Delivery
from shop.database.transactions import Database
from shop.ids import new_id
from shop.vocabulary import DeliveryState, EventType, Trigger
from shop.web.deliveries.pages import PAGE_SIZE
from shop.web.deliveries.rows import MAX_MARKS
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
from tests.pages import HEAVIEST_PAGE, Page, Visitor, first_load
from tests.receiver import Receiver

URL = "http://127.0.0.1:9001/hook"


def listed(page: Page) -> list[str]:
    """Return the ids of the deliveries on the page, in page order."""
    assert page.status == 200, page.text
    prefix = "/deliveries/dlv_"
    return [link.removeprefix("/deliveries/") for link in page.links if link.startswith(prefix)]


async def deliveries_made(database: Database, shop: Shop, *moments: datetime) -> list[str]:
    """Create cancelled deliveries at these times; return their ids."""
    await register(shop, URL)
    document = (await shop.get("/v1/deliveries")).json()
    await order(shop)
    [like] = (await shop.get("/v1/deliveries")).json()["data"]
    assert document["data"] == []
    await shop.post(f"/v1/deliveries/{like['id']}/cancel", json={})
    made = [
        Delivery(
            id=new_id("dlv", moment),
            message_id=like["message_id"],
            endpoint_id=like["endpoint_id"],
            event_type=EventType.PURCHASE_CREATED,
            state=DeliveryState.CANCELLED,
            next_attempt_at=None,
            waits_since=moment,
            created_at=moment,
        )
        for moment in moments
    ]
    ids = [delivery.id for delivery in made]
    async with database.writing() as session:
        session.add_all(made)
    return ids


def typed(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


async def test_an_empty_log_says_what_to_do(shop: Shop) -> None:
    page = await Visitor(shop).get("/deliveries")

    assert "No deliveries yet" in page.text
    assert listed(page) == []


async def test_the_log_shows_state_event_endpoint_attempts_and_next_try(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)

    page = await Visitor(shop).get("/deliveries")

    assert listed(page) == [delivery_id]
    place = receiver.url.removeprefix("http://")
    for fact in ("pending", "purchase.created", place, "$14.90", "500"):
        assert fact in page.text
    next_try = clock.now + timedelta(seconds=10)
    assert f"{next_try:%H:%M:%S} UTC" in page.text


async def test_the_log_is_filtered_by_each_of_its_fields(shop: Shop) -> None:
    delivery_id = await new_delivery(shop, URL)
    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    visitor = Visitor(shop)

    for name, hit, miss in [
        ("state", "pending", "failed"),
        ("endpoint_id", document["endpoint_id"], "ep_other"),
        ("event_type", "purchase.created", "purchase.refunded"),
        ("q", document["message_id"][:20], "100%_"),
        ("q", "127.0.0.1:9001", SCRIPT),
    ]:
        assert listed(await visitor.get("/deliveries", **{name: hit})) == [delivery_id]
        missed = await visitor.get("/deliveries", **{name: miss})
        assert listed(missed) == []
        assert "No matching deliveries" in missed.text


async def test_the_filter_is_in_the_form_and_in_the_tabs(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)

    page = await Visitor(shop).get("/deliveries", q=SCRIPT, state="failed", endpoint_id=endpoint_id)

    assert page.values["q"] == [SCRIPT]
    assert page.values["state"] == ["failed"]
    address = f"/deliveries?state=pending&endpoint_id={endpoint_id}&q=%3Cscript%3Ealert"
    assert [link for link in page.links if link.startswith(address)]


async def test_tabs_count_the_deliveries_of_each_state(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    await order(shop)

    page = await Visitor(shop).get("/deliveries")

    assert page.links["/deliveries"] == "all 2"
    assert page.links["/deliveries?state=pending"] == "pending 1"
    assert page.links["/deliveries?state=succeeded"] == "succeeded 1"
    assert page.links["/deliveries?state=cancelled"] == "cancelled 0"


async def test_the_log_is_read_page_by_page_with_the_filter_kept(shop: Shop) -> None:
    await register(shop, URL)
    ids = [(await order(shop))["delivery_ids"][0] for _ in range(PAGE_SIZE + 1)]
    visitor = Visitor(shop)

    first = await visitor.get("/deliveries", state="pending", q="9001")
    [older] = [address for address, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)
    [newest] = [address for address, text in second.links.items() if "Newest" in text]

    assert listed(first) == ids[:0:-1]
    assert listed(second) == ids[:1]
    assert newest == "/deliveries?state=pending&q=9001"


async def test_a_page_after_the_last_one_leads_to_the_first_with_the_filter_kept(
    shop: Shop,
) -> None:
    oldest = await new_delivery(shop, URL)

    page = await Visitor(shop).get("/deliveries", state="pending", cursor=oldest)

    assert "No older matching deliveries" in page.text
    assert page.links["/deliveries?state=pending"] == "First page"


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/live"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "lost"),
        ("state", SCRIPT),
        ("state", "\x00"),
        ("event_type", "order.created"),
        ("cursor", "dlv_nope"),
        ("cursor", "99999999999999999999"),
    ],
)
async def test_an_invalid_query_is_refused_with_a_page(
    name: str, value: str, path: str, shop: Shop
) -> None:
    page = await Visitor(shop).get(path, **{name: value})

    assert page.status == 400
    assert page.answer.headers["content-type"].startswith("text/html")
    assert page.scripts
    assert all(page.scripts)


@pytest.mark.parametrize("query", ["q=%00", "q=%FF", "q=%ED%A0%80", "&&==", "q=" + "%25" * 3000])
async def test_a_search_for_rubbish_finds_nothing_or_everything(query: str, shop: Shop) -> None:
    page = await Visitor(shop).get(f"/deliveries?{query}")

    assert page.status == 200


async def test_a_period_shows_only_newer_deliveries(shop: Shop, database: Database) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3), timedelta(days=2)]
    made = await deliveries_made(database, shop, *(now - age for age in ages))
    visitor = Visitor(shop)

    shown = {
        period: set(listed(await visitor.get("/deliveries", period=period))) & set(made)
        for period in ("15min", "hour", "day", "")
    }

    assert shown == {"15min": {*made[:1]}, "hour": {*made[:2]}, "day": {*made[:3]}, "": {*made}}


async def test_two_times_are_an_inclusive_range(shop: Shop, database: Database) -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    moments = [noon + timedelta(seconds=seconds) for seconds in (-1, 0, 30, 60.9, 61)]
    made = await deliveries_made(database, shop, *moments)
    since, until = typed(noon), typed(noon + timedelta(seconds=60))
    visitor = Visitor(shop)

    page = await visitor.get("/deliveries", period="between", since=since, until=until)
    older = await visitor.get("/deliveries", until=typed(noon - timedelta(seconds=1)))

    assert listed(page) == made[3:0:-1]
    assert listed(older) == made[:1]
    assert page.values["since"] == [since]
    assert page.values["until"] == [until]
    assert "(UTC)" in page.text.replace("( ", "(").replace(" )", ")")
    assert '<option value="between" selected>' in page.answer.text
    address = f"/deliveries?state=failed&since={since.replace(':', '%3A')}"
    assert [link for link in page.links if link.startswith(address)]


async def test_a_range_is_kept_from_page_to_page(shop: Shop, database: Database) -> None:
    now = datetime.now(UTC)
    made = await deliveries_made(
        database, shop, *(now - timedelta(seconds=100 - place) for place in range(2 * PAGE_SIZE))
    )
    query = {
        "since": typed(now - timedelta(minutes=5)),
        "until": typed(now - timedelta(seconds=40)),
    }
    visitor = Visitor(shop)

    first = await visitor.get("/deliveries", **query)
    [older] = [address for address, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)

    assert listed(first) + listed(second) == made[::-1]


async def test_a_delivery_is_found_by_any_id_whole_or_by_its_beginning_or_end(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    event = json.loads(document["attempts"][0]["request"]["body"])["event"]
    await register(shop, "http://127.0.0.1:9002/other", event_types=["purchase.shipped"])
    await shop.post(f"/v1/orders/{event['order_id']}/ship", json={})
    visitor = Visitor(shop)

    for id_ in (delivery_id, document["message_id"], document["endpoint_id"], event["id"]):
        kind = id_.partition("_")[0] if "_" in id_ else "msg"
        for text in (id_, id_[:-12], id_[-8:], f"{kind}…{id_[-8:]}", id_.upper(), f" {id_} "):
            assert listed(await visitor.get("/deliveries", q=text)) == [delivery_id], text
    for text in (event["order_id"], event["order_id"][-8:], f"ord…{event['order_id'][-8:]}"):
        assert len(listed(await visitor.get("/deliveries", q=text))) == 2, text


async def test_digits_are_also_searched_in_urls(shop: Shop) -> None:
    delivery_id = await new_delivery(shop, "http://127.0.0.1:9001/0193a1b2-c3d4-7e5f")

    page = await Visitor(shop).get("/deliveries", q="0193a1b2-c3d4-7e5f")

    assert listed(page) == [delivery_id]


async def test_a_search_that_several_endpoints_match_shows_the_deliveries_of_all(
    shop: Shop,
) -> None:
    for place in ("one", "two"):
        await register(shop, f"{URL}/{place}")
    await register(shop, "http://127.0.0.1:9002/three")
    await order(shop)
    visitor = Visitor(shop)

    assert len(listed(await visitor.get("/deliveries", q="9001"))) == 2
    assert len(listed(await visitor.get("/deliveries", q="hook/two"))) == 1


@pytest.mark.sqlite("plans are told in the words of SQLite")
async def test_every_search_uses_an_index(shop: Shop, database: Database) -> None:
    await register(shop, URL)
    plans = {
        "end of a delivery's id": await plan_for(database, "0123abcd"),
        "event": await plan_for(database, "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
        "order": await plan_for(database, "ord…0123abcd"),
    }

    for name, plan in plans.items():
        scans = [line for line in plan if line.startswith("SCAN") and "endpoint" not in line]
        assert scans == [], name


async def plan_for(database: Database, q: str) -> list[str]:
    """Return SQLite's query plan for the list, one line per step."""
    from sqlalchemy import event  # noqa: PLC0415 – needed only here

    from shop.webhooks.queries.deliveries import DeliveryFilter, list_deliveries  # noqa: PLC0415

    async with database.reading() as session:
        connection = await session.connection()
        said: list[tuple[str, Any]] = []
        event.listen(
            connection.sync_connection,
            "before_cursor_execute",
            lambda _c, _cursor, sql, parameters, *_: said.append((sql, parameters)),
        )
        await list_deliveries(session, DeliveryFilter(q=q), limit=50)
        sql, parameters = said[-1]
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return [row.detail for row in rows]


async def test_attempts_are_marks_and_words_and_the_many_are_counted(
    shop: Shop, database: Database
) -> None:
    delivery_id = await new_delivery(shop, URL)
    await record_attempts(database, delivery_id, 100)

    page = await Visitor(shop).get("/deliveries")

    assert "+88" in page.text
    assert page.answer.text.count('<i class="no"></i>') == MAX_MARKS
    assert "89: 503," in page.text
    assert "100: 503," in page.text
    assert "88: 503," not in page.text


async def record_attempts(database: Database, delivery_id: str, count: int) -> None:
    now = datetime.now(UTC)
    async with database.writing() as session:
        delivery = await session.get_one(Delivery, delivery_id)
        delivery.attempt_count, delivery.state = count, DeliveryState.FAILED
        session.add(delivery)
        session.add_all(
            Attempt(
                delivery_id=delivery_id,
                number=number,
                endpoint_id=delivery.endpoint_id,
                trigger=Trigger.MANUAL,
                started_at=now,
                duration_ms=1,
                request_url=URL,
                request_headers={},
                response_status=503,
                response_headers={},
                response_body=b"x" * 10_000,
                response_truncated=False,
                error=None,
                error_detail=None,
            )
            for number in range(1, count + 1)
        )


async def test_a_full_page_of_six_attempts_each_is_light(shop: Shop, database: Database) -> None:
    await register(shop, URL)
    for _ in range(PAGE_SIZE):
        [delivery_id] = (await order(shop))["delivery_ids"]
        await record_attempts(database, delivery_id, 6)

    page = await Visitor(shop).get("/deliveries")

    assert len(listed(page)) == PAGE_SIZE
    assert first_load(page) < HEAVIEST_PAGE


async def test_a_waiting_delivery_is_sent_from_its_row_and_returns_to_the_same_view(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    delivery_id = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    visitor = Visitor(shop)
    page = await visitor.get("/deliveries", state="pending", q="127.0.0.1", newest=delivery_id)
    action = f"/deliveries/{delivery_id}/attempts"
    assert f'formaction="{action}"' in page.answer.text

    done = await visitor.submit(action, log=page.values["log"][0])

    due = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["next_attempt_at"]
    assert done.status == 303
    assert done.answer.headers["location"] == (
        f"/deliveries?state=pending&q=127.0.0.1&newest={delivery_id}#row-{delivery_id}"
    )
    assert datetime.fromisoformat(due) <= datetime.now(UTC)


async def test_only_what_can_be_sent_has_a_button(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    arrived = await new_delivery(shop, receiver.url)
    await attempt(engine, clock)
    endpoint_id = await register(shop, URL)
    waiting = (await order(shop))["delivery_ids"]
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

    page = await Visitor(shop).get("/deliveries")

    assert f'formaction="/deliveries/{arrived}/attempts"' not in page.answer.text
    assert page.answer.text.count("formaction=") == 1
    assert "endpoint paused" in page.text
    assert len(waiting) == 2


@pytest.mark.parametrize("log", ["state=lost", "since=x", f"q={SCRIPT}", "%00=%FF", "&&=="])
async def test_an_invalid_return_address_never_leads_elsewhere(log: str, shop: Shop) -> None:
    delivery_id = await new_delivery(shop)

    done = await Visitor(shop).submit(f"/deliveries/{delivery_id}/attempts", log=log)

    assert done.status in {303, 400}
    if done.status == 303:
        assert done.answer.headers["location"].startswith("/deliveries")


async def test_a_log_that_holds_still_counts_what_has_come_since(shop: Shop) -> None:
    await register(shop, URL)
    ids = [(await order(shop))["delivery_ids"][0] for _ in range(3)]
    visitor = Visitor(shop)

    page = await visitor.get("/deliveries", event_type="purchase.created", newest=ids[0])
    current = await visitor.get("/deliveries", newest=ids[-1])
    other = await visitor.get("/deliveries", event_type="purchase.refunded", newest=ids[0])

    assert listed(page) == ids[:1]
    assert page.links["/deliveries?event_type=purchase.created"].strip() in {"all", "2 new, show"}
    assert "2 new, show" in page.text
    assert f"live?event_type=purchase.created&amp;newest={ids[0]}" in page.answer.text
    assert listed(current) == ids[::-1]
    assert "new, show" not in current.text + other.text


@pytest.mark.parametrize("newest", ["dlv_nope", SCRIPT, "ord_0123"])
async def test_a_log_that_holds_still_at_nothing_is_refused(newest: str, shop: Shop) -> None:
    page = await Visitor(shop).get("/deliveries", newest=newest)

    assert page.status == 400
    assert all(page.scripts)


async def test_resending_in_bulk_respects_the_time_range(shop: Shop, database: Database) -> None:
    now = datetime.now(UTC)
    young, old = await deliveries_made(
        database, shop, now - timedelta(minutes=10), now - timedelta(minutes=90)
    )
    visitor = Visitor(shop)

    asked = await visitor.get("/deliveries/retry", period="hour", q=young)
    [since] = asked.values["since"]
    done = await visitor.submit("/deliveries/retry", since=since, q=young)

    assert "Resend 1 delivery?" in asked.text
    assert f"Created from {since.replace('T', ' ')} UTC" in asked.text
    assert f"ID or part of the URL {young}" in asked.text
    assert done.answer.headers["location"].endswith(f"q={young}&sent_again=1")
    assert [await state(shop, each) for each in (young, old)] == ["pending", "cancelled"]


async def test_an_empty_result_offers_to_remove_each_filter(shop: Shop) -> None:
    await new_delivery(shop)

    page = await Visitor(shop).get("/deliveries", state="failed", period="hour")

    assert "No matching deliveries" in page.text
    assert page.links["/deliveries?period=hour"].strip() in {"all", "Any state"}
    assert page.links["/deliveries?state=failed"].strip() in {"failed", "Any time"}
    assert page.links["/deliveries"].strip() == "Show all deliveries"
