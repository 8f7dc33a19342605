"""Skipped time passes for all that has a time, and for nothing of another sandbox."""

import random
from datetime import datetime, timedelta

import standardwebhooks
from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from hookshop.webkit.times import utc_now
from shop.database.models import SteadyOrders
from shop.database.moved_times import earlier
from shop.database.transactions import Database
from tests.integration.shop.advancing import DAY, HOUR, MUG, advance, deliveries, finish, read_clock
from tests.integration.shop.browsing import Shop, fail_attempts, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver


async def test_former_secrets_sign_until_their_grace_has_passed(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    path = f"/v1/webhooks/{endpoint_id}"
    rotated = await shop.post(f"{path}/rotate-secret", json={"grace_seconds": 30})
    await order(shop)
    clock.catch_up()
    await engine.deliver()

    await advance(shop, seconds=HOUR)
    await finish(shop, engine)

    signatures = [len(each.headers["webhook-signature"].split()) for each in receiver.requests]
    assert signatures == [2, 2, 1]
    for request in receiver.requests:
        webhook = standardwebhooks.Webhook(rotated.json()["secret"])
        webhook.verify(request.body, request.headers)
    [secret] = (await shop.get(path)).json()["secrets"]
    assert secret["id"] == rotated.json()["secret_id"]


async def test_probes_of_an_open_breaker_are_made_until_one_succeeds(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    await fail_attempts(shop, engine, clock, times=20)
    await advance(shop, to="next_attempt")
    await finish(shop, engine)
    probed = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["breaker"]

    receiver.status = 200
    await advance(shop, seconds=HOUR)
    await finish(shop, engine)

    assert probed["consecutive_failures"] == 21
    assert probed["state"] == "open"
    breaker = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["breaker"]
    assert breaker["state"] == "closed"
    assert {each["state"] for each in await deliveries(shop)} == {"succeeded"}


async def test_a_pause_that_the_endpoint_asked_for_passes(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "1800"}
    await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.deliver()

    await advance(shop, to="next_attempt")
    found = await finish(shop, engine)

    [delivery] = await deliveries(shop)
    assert [each["skipped_seconds"] for each in delivery["attempts"]] == [0, 1800]
    assert found["skipped_seconds"] == 1800


async def test_an_endpoint_is_disabled_and_an_advance_no_longer_stops_for_it(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    for _ in range(4):
        await order(shop)
    clock.catch_up()

    await advance(shop, seconds=DAY)
    found = await finish(shop, engine)

    endpoint = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()
    assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "failing")
    assert {each["state"] for each in await deliveries(shop)} == {"failed"}
    assert found["skipped_seconds"] == DAY


async def test_the_plan_of_a_paused_endpoint_moves_and_nothing_is_sent(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    await order(shop)
    clock.catch_up()
    await engine.deliver()
    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

    await advance(shop, seconds=DAY)
    await finish(shop, engine)

    [delivery] = await deliveries(shop)
    assert (delivery["state"], delivery["skipped_seconds"]) == ("pending", DAY)
    assert len(receiver.requests) == 1


async def test_a_resent_delivery_has_skipped_nothing(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()
    await advance(shop, seconds=5)
    await finish(shop, engine)

    before = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()
    after = (await shop.post(f"/v1/deliveries/{delivery_id}/attempts")).json()

    assert [before["skipped_seconds"], after["skipped_seconds"]] == [5, 0]


async def test_the_plan_of_another_sandbox_does_not_move(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status = 503
    bases = []
    for name in ("lesson-7", "lesson-8"):
        await shop.post("/v1/sandboxes", json={"id": name})
        bases.append(f"/s/{name}")
        body = {"webhook_url": f"{receiver.url}/{name}"}
        await shop.post(f"{bases[-1]}/v1/webhooks/register", json=body)
        await shop.post(f"{bases[-1]}/v1/webhooks/register", json=body)
        await shop.post(f"{bases[-1]}/v1/orders", json=MUG)
    clock.catch_up()
    await engine.deliver(limit=2)
    [before] = (await shop.get(f"{bases[1]}/v1/deliveries")).json()["data"]

    await advance(shop, bases[0], seconds=DAY)
    found = await finish(shop, engine, bases[0])

    [moved] = (await shop.get(f"{bases[0]}/v1/deliveries")).json()["data"]
    assert moved["attempt_count"] == 3
    assert found["skipped_seconds"] == DAY
    assert (await shop.get(f"{bases[1]}/v1/deliveries")).json()["data"] == [before]
    assert (await read_clock(shop, bases[1]))["skipped_seconds"] == 0
    assert (await read_clock(shop))["skipped_seconds"] == 0


async def test_a_stored_time_is_moved_to_the_microsecond(database: Database) -> None:
    numbers = random.Random(7)
    at = [utc_now() + timedelta(microseconds=numbers.randrange(10**14)) for _ in range(200)]
    at[0] = at[0].replace(month=12, day=31, hour=23, minute=59, second=59, microsecond=999_999)
    skip = timedelta(days=29, microseconds=1)

    def move(connection: Connection) -> list[datetime]:
        rows = [{"sandbox": n, "next_at": each, "ends_at": each} for n, each in enumerate(at)]
        connection.execute(insert(SteadyOrders), rows)
        connection.execute(
            update(SteadyOrders).values(next_at=earlier(col(SteadyOrders.next_at), skip))
        )
        query = select(col(SteadyOrders.next_at)).order_by(col(SteadyOrders.sandbox))
        return list(connection.scalars(query))

    assert await database.write(move) == [each - skip for each in at]
