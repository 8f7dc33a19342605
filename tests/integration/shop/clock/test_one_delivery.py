"""An advance goes as far as one delivery or one endpoint needs."""

from collections.abc import Awaitable, Callable

import pytest

from shop.web.actions import Actions
from shop.webhooks import clock as clocks
from tests.integration.shop.advancing import deliveries, finish
from tests.integration.shop.browsing import Shop, fail_attempts, order, register, state
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver


async def test_an_advance_to_its_next_attempt_makes_those_of_others_on_the_way(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    [first] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()
    clock.pass_seconds(10)
    await engine.deliver()  # its third attempt is planned in 60 s
    [second] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()  # its second attempt is planned in 10 s

    assert await actions.skip_to_attempt_of(first)
    found = await finish(shop, engine)

    counts = {each["id"]: each["attempt_count"] for each in await deliveries(shop)}
    assert counts == {first: 3, second: 2}
    assert found["skipped_seconds"] <= 60


async def test_an_advance_to_its_end_makes_all_its_attempts_and_goes_no_further(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
) -> None:
    receiver.status = 503
    await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()

    assert await actions.skip_to_end_of(delivery_id)
    found = await finish(shop, engine)

    assert await state(shop, delivery_id) == "failed"
    assert found["skipped_seconds"] == 70


async def test_an_advance_to_its_end_stops_when_its_endpoint_is_paused(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()
    await actions.skip_to_end_of(delivery_id)

    await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})
    found = await finish(shop, engine)

    assert await state(shop, delivery_id) == "pending"
    assert found["skipped_seconds"] == 0


async def test_an_advance_goes_to_the_next_probe_of_an_endpoint(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
) -> None:
    receiver.status = 503
    endpoint_id = await register(shop, receiver.url)
    await fail_attempts(shop, engine, clock, times=20)
    receiver.status = 200

    assert await actions.skip_to_probe_of(endpoint_id)
    clock.catch_up()  # on a slow machine the probe is due by the real time, without an advance
    await finish(shop, engine)

    breaker = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["breaker"]
    assert breaker["state"] == "closed"


async def test_there_is_no_way_to_what_does_not_exist_or_has_ended(
    shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
) -> None:
    endpoint_id = await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    clock.catch_up()
    await engine.deliver()

    assert not await actions.skip_to_attempt_of("dlv_1")
    assert not await actions.skip_to_end_of("dlv_1")
    assert not await actions.skip_to_probe_of("ep_1")
    ways: list[tuple[Callable[[str], Awaitable[bool]], str]] = [
        (actions.skip_to_attempt_of, delivery_id),
        (actions.skip_to_end_of, delivery_id),
        (actions.skip_to_probe_of, endpoint_id),
    ]
    for way, id_ in ways:
        with pytest.raises(clocks.NothingToSkip):
            await way(id_)
