"""The real shop sends to the real subscriber: two implementations of one contract."""

import pytest
from sqlmodel import update

from shop.database.models import EndpointSecret
from shop.webhooks.rules.signing import generate_secret
from tests.contract.conftest import World, read

FAIL = {"mode": "status", "status": 500}


async def test_the_subscriber_verifies_and_books_a_delivery_of_the_shop(world: World) -> None:
    order = await world.buy(mug=2, pigeon=1)

    delivery = await world.deliver(order)

    assert delivery["state"] == "succeeded"
    [receipt] = await world.receipts()
    assert receipt["verdict"] == "accepted"
    assert receipt["message_id"] == delivery["message_id"]
    assert receipt["body"] == delivery["attempts"][0]["request"]["body"]
    assert [step["result"] for step in receipt["steps"]] == ["passed"] * 9
    stats = await read(world.subscriber, "/v1/stats")
    assert stats["receipts"] == {"accepted": 1, "duplicate": 0, "ignored": 0, "rejected": 0}
    assert (stats["purchases"], stats["revenue_cents"]) == (1, order["total_cents"])


async def test_a_delivery_that_is_sent_twice_is_booked_once(world: World) -> None:
    order = await world.buy(hook=1)
    first = await world.deliver(order)

    await world.shop.post(f"/v1/deliveries/{first['id']}/attempts", json={})
    second = await world.deliver(order)

    assert second["state"] == "succeeded"
    assert [receipt["verdict"] for receipt in await world.receipts()] == ["accepted", "duplicate"]
    stats = await read(world.subscriber, "/v1/stats")
    assert stats["revenue_cents"] == order["total_cents"]


async def test_a_failing_subscriber_gets_retries_until_it_books(world: World) -> None:
    await world.subscriber.put("/v1/faults", json=FAIL)
    order = await world.buy(hook=1)
    failed = await world.deliver(order)

    await world.subscriber.put("/v1/faults", json={"mode": "none"})
    delivered = await world.deliver(order)

    assert failed["state"] == "pending"
    assert failed["last_status"] == 500
    assert failed["next_attempt_at"]
    assert delivered["state"] == "succeeded"
    assert [receipt["reason"] for receipt in await world.receipts()] == ["simulated_fault", None]
    assert (await read(world.subscriber, "/v1/stats"))["purchases"] == 1


async def test_a_delivery_signed_with_another_secret_is_rejected(world: World) -> None:
    async with world.database.writing() as session:
        other = world.encryption.encrypt(generate_secret())
        await session.exec(update(EndpointSecret).values(locked_secret=other))

    delivery = await world.deliver(await world.buy(hook=1))

    assert delivery["state"] == "pending"
    assert delivery["last_status"] == 401
    [receipt] = await world.receipts()
    assert receipt["reason"] == "signature_mismatch"
    assert receipt["steps"][4]["result"] == "failed"
    assert (await read(world.subscriber, "/v1/stats"))["purchases"] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": ("12.5", "99.5")}, "signature_mismatch"),
        ({"webhook-id": "msg_other"}, "signature_mismatch"),
        ({"webhook-signature": None}, None),
        ({"authorization": None}, None),
        ({"authorization": None, "webhook-signature": None}, "no_credential"),
    ],
    ids=["amount", "id", "token alone", "signature alone", "neither"],
)
async def test_a_request_of_the_shop_replayed_by_an_attacker(
    change: dict[str, str | tuple[str, str] | None], reason: str | None, world: World
) -> None:
    delivery = await world.deliver(await world.buy(hook=1))
    request = delivery["attempts"][0]["request"]
    body, headers = request["body"], request["headers"]
    for name, value in change.items():
        if isinstance(value, tuple):
            assert value[0] in body
            body = body.replace(*value)
        elif value is None:
            del headers[name]
        else:
            headers[name] = value

    answer = await world.subscriber.post(
        "/v1/new-purchase", content=body.encode(), headers=_without_length(headers)
    )

    assert answer.status_code == (401 if reason else 200)
    receipt = (await world.receipts())[-1]
    assert receipt["verdict"] == ("rejected" if reason else "duplicate")
    assert receipt["reason"] == reason
    assert (await read(world.subscriber, "/v1/stats"))["purchases"] == 1


def _without_length(headers: dict[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in headers.items() if name not in {"host", "content-length"}
    }


async def test_unsubscribing_stops_the_deliveries_and_subscribing_again_resumes_them(
    world: World,
) -> None:
    await _submit(world, "/subscription/delete", {})
    nobody_told = await world.buy(hook=1)

    await _submit(world, "/subscription", {"event_types": "purchase.created"})
    told = await world.deliver(await world.buy(hook=1))

    assert nobody_told["delivery_ids"] == []
    assert told["state"] == "succeeded"


async def test_a_secret_renewed_by_the_subscriber_interrupts_nothing(world: World) -> None:
    await _submit(world, "/subscription/rotation", {})

    delivery = await world.deliver(await world.buy(hook=1))

    assert delivery["state"] == "succeeded"
    sent = delivery["attempts"][0]["request"]["headers"]
    assert len(sent["webhook-signature"].split(" ")) == 2


async def test_a_secret_renewed_in_the_shop_interrupts_nothing_during_its_grace(
    world: World,
) -> None:
    [endpoint] = (await read(world.shop, "/v1/webhooks"))["data"]
    renewed = await world.shop.post(f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={})
    before = await world.deliver(await world.buy(hook=1))

    await _submit(world, "/subscription/secret", {"secret": renewed.json()["secret"]})
    after = await world.deliver(await world.buy(hook=1))

    assert [before["state"], after["state"]] == ["succeeded", "succeeded"]


async def test_a_secret_renewed_without_grace_is_good_once_the_subscriber_has_it(
    world: World,
) -> None:
    [endpoint] = (await read(world.shop, "/v1/webhooks"))["data"]
    renewed = await world.shop.post(
        f"/v1/webhooks/{endpoint['id']}/rotate-secret", json={"grace_seconds": 0}
    )
    order = await world.buy(hook=1)
    refused = await world.deliver(order)

    await _submit(world, "/subscription/secret", {"secret": renewed.json()["secret"]})
    delivered = await world.deliver(order)

    assert refused["last_status"] == 401
    assert delivered["state"] == "succeeded"


async def _submit(world: World, path: str, fields: dict[str, str]) -> None:
    """Submit a form of the subscriber, as its page does."""
    await world.subscriber.get("/subscription")
    [token] = world.subscriber.cookies.values()
    answer = await world.subscriber.post(path, data={"_csrf_token": token, **fields})
    assert answer.status_code == 303, answer.text
