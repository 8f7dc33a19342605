from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.integration.shop.browsing import attempt, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver

Shop = AsyncTestClient[Litestar]


async def buy(shop: Shop, url: str) -> str:
    """Order a mug; return the delivery's id. The first call registers the URL."""
    await shop.post("/v1/webhooks/register", json={"webhook_url": url})
    order = {"items": [{"product_id": "mug", "quantity": 1}]}
    delivery_id: str = (await shop.post("/v1/orders", json=order)).json()["delivery_ids"][0]
    return delivery_id


async def page(shop: Shop, **query: Any) -> dict[str, Any]:
    answer = await shop.get("/v1/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_the_log_shows_the_newest_first_and_hands_out_a_cursor(shop: Shop) -> None:
    ids = [await buy(shop, "http://127.0.0.1:9001/") for _ in range(5)]

    first = await page(shop, limit=2)
    second = await page(shop, limit=2, cursor=first["next_cursor"])
    third = await page(shop, limit=2, cursor=second["next_cursor"])

    seen = [delivery["id"] for part in (first, second, third) for delivery in part["data"]]
    assert sorted(seen, reverse=True) == seen
    assert set(seen) == set(ids)
    assert third["next_cursor"] is None


async def test_the_log_is_filtered_by_each_of_its_fields(shop: Shop) -> None:
    wanted = await buy(shop, "http://127.0.0.1:9001/")
    delivery = (await page(shop))["data"][0]

    for name, hit, miss in [
        ("state", "pending", "failed"),
        ("endpoint_id", delivery["endpoint_id"], "ep_other"),
        ("event_type", "purchase.created", "purchase.refunded"),
        ("message_id", delivery["message_id"], "msg_other"),
        ("q", delivery["message_id"][:20], "100%_"),
        ("q", "127.0.0.1:9001", "127.0.0.1:9002"),
        ("q", "dlv_", "\x00"),
        ("q", "msg_", "msg_\x00"),
    ]:
        assert [row["id"] for row in (await page(shop, **{name: hit}))["data"]] == [wanted]
        assert (await page(shop, **{name: miss}))["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"limit": 10**30},
        {"cursor": "dlv_nope"},
        {"cursor": ""},
        {"state": "lost"},
        {"event_type": "order.created"},
    ],
    ids=str,
)
async def test_an_invalid_query_is_refused(query: dict[str, Any], shop: Shop) -> None:
    answer = await shop.get("/v1/deliveries", params=query)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_a_delivery_lists_each_attempt_with_request_and_response(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, b"\xffoops"
    delivery_id = await buy(shop, receiver.url)
    clock.catch_up()
    await engine.deliver()

    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()

    assert document["state"] == "pending"
    assert (await shop.get(f"/v1/orders/{document['order_id']}")).status_code == 200
    assert document["last_status"] == 500
    assert document["next_attempt_at"]
    [attempt] = document["attempts"]
    assert attempt["number"] == 1
    assert attempt["trigger"] == "automatic"
    assert attempt["enqueued_at"] is None  # this engine was not woken through Redis
    assert attempt["request"]["url"] == receiver.url
    assert attempt["request"]["body"] == receiver.requests[0].body.decode()
    assert attempt["request"]["headers"]["webhook-id"] == document["message_id"]
    assert attempt["response"]["status"] == 500
    assert attempt["response"]["body"] == "\ufffdoops"
    assert attempt["response"]["truncated"] is False
    assert attempt["error"] is None


async def test_an_attempt_says_when_it_was_planned_and_why_then_and_where_its_time_went(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    delivery_id = await buy(shop, receiver.url)
    for seconds in (1, 31):
        clock.pass_seconds(seconds)
        await engine.deliver()

    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()

    first, second = document["attempts"]
    assert first["delay"] is None
    assert first["due_at"] == first["decided_at"] == document["created_at"]
    assert second["delay"] == {
        "schedule_seconds": 10,
        "jitter_seconds": 0,
        "retry_after_seconds": 30,
    }
    assert first["started_at"] == second["decided_at"] < second["due_at"] < second["started_at"]
    assert first["timings"]["reused_connection"] is False
    assert first["timings"]["lookup_ms"] is None
    assert first["timings"]["waiting_ms"] > 0


async def test_an_attempt_without_an_answer_names_the_error(
    shop: Shop, engine: Engine, clock: Clock
) -> None:
    delivery_id = await buy(shop, "http://127.0.0.1:1025/")
    clock.catch_up()
    await engine.deliver()

    [attempt] = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["attempts"]

    assert attempt["response"] is None
    assert attempt["error"] == "connection_refused"


async def test_a_succeeded_delivery_can_be_sent_again(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    delivery_id = await buy(shop, receiver.url)
    clock.catch_up()
    await engine.deliver()

    answer = await shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={})
    clock.catch_up()
    await engine.deliver()

    assert answer.status_code == 202
    assert answer.json()["state"] == "pending"
    document = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    assert document["state"] == "succeeded"
    assert [attempt["trigger"] for attempt in document["attempts"]] == ["automatic", "manual"]
    assert receiver.requests[0].body == receiver.requests[1].body


async def test_a_delivery_to_a_deleted_endpoint_is_not_sent_again(shop: Shop) -> None:
    delivery_id = await buy(shop, "http://127.0.0.1:9001/")
    endpoint_id = (await page(shop))["data"][0]["endpoint_id"]
    await shop.delete(f"/v1/webhooks/{endpoint_id}")

    answer = await shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={})

    assert answer.status_code == 409
    assert (await page(shop))["data"][0]["state"] == "cancelled"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_delivery_is_not_found(method: str, shop: Shop) -> None:
    path = "/v1/deliveries/dlv_nope" + ("/attempts" if method == "POST" else "")

    answer = await shop.request(method, path, json={} if method == "POST" else None)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_openapi_document_describes_bodies_and_answers(shop: Shop) -> None:
    document = (await shop.get("/schema/openapi.json")).json()

    register = document["paths"]["/v1/webhooks/register"]["post"]
    assert "application/json" in register["requestBody"]["content"]
    assert "/v1/deliveries/{delivery_id}/attempts" in document["paths"]
    assert "/healthz" not in document["paths"]


async def test_the_log_of_an_order_has_the_deliveries_of_all_its_messages(shop: Shop) -> None:
    await buy(shop, "http://127.0.0.1:9001/")
    wanted = await order(shop)
    await register(shop, "http://127.0.0.1:9002/", event_types=["purchase.shipped"])
    await shop.post(f"/v1/orders/{wanted['id']}/ship")

    found = (await page(shop, order_id=wanted["id"]))["data"]

    assert [each["event_type"] for each in found] == ["purchase.shipped", "purchase.created"]
    assert {each["order_id"] for each in found} == {wanted["id"]}
    assert (await page(shop, order_id="ord_other"))["data"] == []


async def test_one_call_leads_from_an_order_to_the_receivers_record_of_each_delivery(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.headers = {"Link": '</receipts/rcp_1>; rel="describedby"'}
    record = receiver.url.replace("/hook", "/receipts/rcp_1")
    await register(shop, receiver.url)
    placed = await order(shop)
    await attempt(engine, clock)

    found = (await shop.get(f"/v1/orders/{placed['id']}")).json()
    [delivery] = found["deliveries"]
    alone = (await shop.get(f"/v1/deliveries/{delivery['id']}")).json()

    assert found["delivery_ids"] == placed["delivery_ids"] == [delivery["id"]]
    assert found["message_ids"] == placed["message_ids"] == [delivery["message_id"]]
    assert delivery["state"] == "succeeded"
    assert delivery["describedby_link"] == alone["describedby_link"] == record
    assert [each["describedby_link"] for each in alone["attempts"]] == [record]
    assert (await page(shop))["data"] == [delivery]


async def test_a_delivery_without_a_response_has_no_link(shop: Shop) -> None:
    await buy(shop, "http://127.0.0.1:9001/")

    [delivery] = (await page(shop))["data"]

    assert delivery["describedby_link"] is None
