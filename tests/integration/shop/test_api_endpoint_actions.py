"""Change, pause, ping, rotate and recover endpoints through the JSON API."""

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from standardwebhooks import Webhook

from hookshop.webkit.times import rfc3339_ms
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN
from tests.integration.shop.browsing import fail_attempts
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver

Shop = AsyncTestClient[Litestar]

MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
LONG_AGO = {"since": "2020-01-01T00:00:00Z"}


async def register(shop: Shop, url: str = "http://127.0.0.1:9001/") -> dict[str, Any]:
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url})
    document: dict[str, Any] = answer.json()
    return document


async def buy(shop: Shop) -> str:
    delivery_id: str = (await shop.post("/v1/orders", json=MUG)).json()["delivery_ids"][0]
    return delivery_id


async def state(shop: Shop, delivery_id: str) -> str:
    found: str = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["state"]
    return found


async def test_each_field_of_an_endpoint_can_be_changed(shop: Shop) -> None:
    path = f"/v1/webhooks/{(await register(shop))['id']}"

    await shop.patch(path, json={"description": "Mine"})
    await shop.patch(path, json={"event_types": ["purchase.refunded", "purchase.refunded"]})
    answer = await shop.patch(path, json={})

    assert answer.status_code == 200
    assert answer.json()["description"] == "Mine"
    assert answer.json()["event_types"] == ["purchase.refunded"]
    assert (await shop.get(path)).json() == answer.json()


@pytest.mark.parametrize(
    "body",
    [
        {"status": "disabled"},
        {"status": None},
        {"event_types": []},
        {"event_types": ["webhook.ping"]},
        {"description": "x" * 201},
        {"description": "\u0000"},
        {"webhook_url": "http://127.0.0.1:9002/"},
        [],
    ],
    ids=str,
)
async def test_an_invalid_change_changes_nothing(body: Any, shop: Shop) -> None:
    path = f"/v1/webhooks/{(await register(shop))['id']}"
    before = (await shop.get(path)).json()

    answer = await shop.patch(path, json=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await shop.get(path)).json() == before


async def test_deliveries_wait_while_paused_and_go_out_afterwards(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    path = f"/v1/webhooks/{(await register(shop, receiver.url))['id']}"
    await shop.patch(path, json={"status": "paused"})
    delivery_id = await buy(shop)
    clock.catch_up()
    await engine.deliver()
    assert await state(shop, delivery_id) == "pending"
    assert receiver.requests == []

    await shop.patch(path, json={"status": "active"})
    await engine.deliver()

    assert await state(shop, delivery_id) == "succeeded"


async def test_a_ping_goes_only_to_its_endpoint_regardless_of_its_event_types(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    await register(shop, "http://127.0.0.1:9001/")

    answer = await shop.post(f"/v1/webhooks/{endpoint['id']}/ping", json={})
    clock.catch_up()
    await engine.deliver()

    assert answer.status_code == 202
    [request] = receiver.requests
    assert b'"type":"webhook.ping"' in request.body
    assert len((await shop.get("/v1/deliveries")).json()["data"]) == 1


async def test_both_secrets_sign_during_the_grace_and_the_old_one_not_after_it(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    path = f"/v1/webhooks/{endpoint['id']}/rotate-secret"
    second = (await shop.post(path, json={"grace_seconds": 100})).json()["secret"]
    third = (await shop.post(path, json={"grace_seconds": 300})).json()["secret"]

    signed_by = []
    for seconds in (50, 100, 250):
        clock.pass_seconds(seconds)
        await buy(shop)
        await engine.deliver()
        signed_by.append(who_signed(receiver, [endpoint["secret"], second, third]))

    assert signed_by == [[True, True, True], [False, True, True], [False, False, True]]


def who_signed(receiver: Receiver, secrets: list[str]) -> list[bool]:
    """Return for each secret whether the newest request has its signature."""
    request = receiver.requests[-1]
    headers = request.headers
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    given = headers["webhook-signature"].split(" ")
    return [
        Webhook(secret).sign(headers["webhook-id"], moment, request.body.decode()) in given
        for secret in secrets
    ]


@pytest.mark.parametrize("grace", [-1, 1.5, "60", 10**9, None])
async def test_an_invalid_grace_rotates_nothing(grace: Any, shop: Shop) -> None:
    endpoint = await register(shop)

    answer = await shop.post(
        f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"grace_seconds": grace}
    )

    assert answer.status_code == 400


async def test_recovering_resends_all_undelivered_deliveries(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    endpoint = await register(shop, receiver.url)
    arrived, waiting, cancelled = [await buy(shop) for _ in range(3)]
    clock.catch_up()
    await engine.deliver()
    await shop.post(f"/v1/deliveries/{cancelled}/cancel", json={})

    answer = await shop.post(f"/v1/webhooks/{endpoint['id']}/recover", json=LONG_AGO)
    clock.catch_up()
    for _delivery in (arrived, waiting, cancelled):
        await engine.deliver()

    assert (answer.status_code, answer.json()) == (
        202,
        {"count": 2, "resent": 2, "created": 0},
    )
    assert len(receiver.requests) == 3
    assert await state(shop, cancelled) == "succeeded"


@pytest.mark.parametrize("since", ["yesterday", "2026-11-23", "2026-11-23T12:00:00", 5, None])
async def test_an_invalid_time_recovers_nothing(since: Any, shop: Shop) -> None:
    endpoint = await register(shop)

    answer = await shop.post(f"/v1/webhooks/{endpoint['id']}/recover", json={"since": since})

    assert answer.status_code == 400


async def test_a_disabled_endpoint_refuses_until_it_is_enabled_again(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 410
    path = f"/v1/webhooks/{(await register(shop, receiver.url))['id']}"
    delivery_id = await buy(shop)
    clock.catch_up()
    await engine.deliver()
    assert (await shop.get(path)).json()["disabled_reason"] == "gone"

    refused = [
        await shop.post(f"{path}/ping", json={}),
        await shop.post(f"{path}/recover", json=LONG_AGO),
        await shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={}),
    ]
    refused.append(await shop.patch(path, json={"status": "paused"}))
    enabled = await shop.patch(path, json={"status": "active"})

    assert [answer.status_code for answer in refused] == [409, 409, 409, 409]
    assert enabled.json()["status"] == "active"
    assert enabled.json()["disabled_reason"] is None
    again = await shop.post(f"/v1/deliveries/{delivery_id}/attempts", json={})
    assert again.status_code == 202


async def test_a_cancelled_delivery_is_not_sent_and_cannot_be_cancelled_twice(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    await register(shop, receiver.url)
    delivery_id = await buy(shop)

    first = await shop.post(f"/v1/deliveries/{delivery_id}/cancel", json={})
    second = await shop.post(f"/v1/deliveries/{delivery_id}/cancel", json={})
    clock.catch_up()
    await engine.deliver()

    assert first.json()["state"] == "cancelled"
    assert second.status_code == 409
    assert receiver.requests == []


@pytest.mark.parametrize(
    "call",
    [
        ("PATCH", "/v1/webhooks/ep_nope", {"description": "x"}),
        ("POST", "/v1/webhooks/ep_nope/ping", {}),
        ("POST", "/v1/webhooks/ep_nope/rotate-secret", {}),
        ("POST", "/v1/webhooks/ep_nope/recover", LONG_AGO),
        ("POST", "/v1/deliveries/dlv_nope/cancel", {}),
    ],
    ids=str,
)
async def test_unknown_ids_are_not_found(call: tuple[str, str, Any], shop: Shop) -> None:
    method, path, body = call

    answer = await shop.request(method, path, json=body)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_endpoint_tells_its_circuit_breaker(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 500
    endpoint_id = (await register(shop, receiver.url))["id"]
    breaker_before = await breaker(shop, endpoint_id)

    await fail_attempts(shop, engine, clock, FAILURES_TO_OPEN)

    assert breaker_before == {"state": "closed", "consecutive_failures": 0, "next_probe_at": None}
    opened = await breaker(shop, endpoint_id)
    assert opened["state"] == "open"
    assert opened["consecutive_failures"] == FAILURES_TO_OPEN
    assert opened["next_probe_at"] > rfc3339_ms(clock.now)


async def breaker(shop: Shop, endpoint_id: str) -> dict[str, Any]:
    told: dict[str, Any] = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["breaker"]
    [listed] = (await shop.get("/v1/webhooks")).json()["data"]
    assert listed["breaker"] == told
    return told
