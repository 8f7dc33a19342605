"""Claiming and recording: leases, fencing numbers, reconnects, attempts that cannot be stored."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from hookshop.webkit.encryption import Encryption
from shop.database.models import Delivery, Endpoint
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.engine.http_client import Response
from shop.webhooks.queries.deliveries import find_delivery
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import Clock, Engine
from tests.receiver import Receiver
from tests.waiting import eventually

LOST = Response({}, error="connection_reset", connection_lost_on_reuse=True)
REFUSED = Response({}, error="connection_refused")


@pytest.fixture
async def endpoint_id(
    database: Database, encryption: Encryption, clock: Clock, receiver: Receiver
) -> str:
    """An endpoint with six due deliveries."""
    async with database.writing() as session:
        registered = await registry.register(
            session,
            NewEndpoint(receiver.url),
            policy=UrlPolicy(),
            encryption=encryption,
            now=clock.now,
        )
        for _ in range(6):
            await place_order(session, price_order([Item("mug", 1)], "Ada"), now=clock.now)
    return registered.endpoint.id


async def read_endpoint(database: Database, endpoint_id: str) -> Endpoint:
    async with database.reading() as session:
        return await session.get_one(Endpoint, endpoint_id)


async def read_delivery(database: Database, delivery_id: str) -> Delivery:
    async with database.reading() as session:
        return await session.get_one(Delivery, delivery_id)


async def triggers(database: Database, delivery_id: str) -> list[Trigger]:
    async with database.reading() as session:
        found = await find_delivery(session, delivery_id)
    assert found
    return [attempt.trigger for attempt in found.attempts]


@pytest.mark.usefixtures("endpoint_id")
async def test_two_workers_claim_different_deliveries(engine: Engine, database: Database) -> None:
    first, second = await engine.claim(limit=3), await engine.claim(limit=3)

    claimed = {claim.delivery_id for claim in (*first, *second)}
    assert len(claimed) == 6
    async with database.reading() as session:
        states = set((await session.exec(select(Delivery.state))).all())
    assert states == {DeliveryState.SENDING}


@pytest.mark.usefixtures("endpoint_id")
async def test_an_attempt_is_not_recorded_if_another_worker_has_claimed_the_delivery_since(
    engine: Engine, database: Database, clock: Clock
) -> None:
    [stale] = await engine.claim()
    clock.pass_seconds(60)
    [fresh] = [each for each in await engine.claim(6) if each.delivery_id == stale.delivery_id]

    await engine.record(stale, Response({}, status=200))

    assert fresh.fence == stale.fence + 1
    delivery = await read_delivery(database, stale.delivery_id)
    assert (delivery.state, delivery.attempt_count) == (DeliveryState.SENDING, 0)


async def test_a_look_that_opens_the_breaker_claims_nothing(
    engine: Engine, database: Database, endpoint_id: str, receiver: Receiver
) -> None:
    receiver.status = 500
    async with database.writing() as session:
        endpoint = await session.get_one(Endpoint, endpoint_id)
        endpoint.failed_attempts = FAILURES_TO_OPEN - 1
        session.add(endpoint)

    await engine.deliver()
    await engine.deliver(limit=10)

    assert len(receiver.requests) == 1


async def test_a_request_on_a_closed_connection_is_sent_again_immediately_and_does_not_count(
    engine: Engine, database: Database, endpoint_id: str
) -> None:
    async with database.writing() as session:
        endpoint = await session.get_one(Endpoint, endpoint_id)
        endpoint.places = 50
        session.add(endpoint)
    [lost] = await engine.claim()
    await engine.record(lost, LOST)

    waiting = await read_delivery(database, lost.delivery_id)
    await engine.deliver(limit=6)

    assert waiting.state is DeliveryState.PENDING
    assert waiting.next_attempt_at == waiting.waits_since
    assert waiting.next_delay is None
    after = await read_delivery(database, lost.delivery_id)
    assert (after.state, after.attempt_count) == (DeliveryState.SUCCEEDED, 2)
    assert await triggers(database, lost.delivery_id) == [Trigger.AUTOMATIC, Trigger.RECONNECT]
    endpoint = await read_endpoint(database, endpoint_id)
    assert (endpoint.failed_attempts, endpoint.places) == (0, 56)


async def test_each_step_of_the_schedule_allows_one_reconnect(
    engine: Engine, database: Database, clock: Clock, endpoint_id: str
) -> None:
    async with database.writing() as session:  # keep only one delivery
        waiting = (await session.exec(select(Delivery).offset(1))).all()
        for delivery in waiting:
            delivery.state = DeliveryState.CANCELLED
            session.add(delivery)
    seen = []
    for _step in range(3):  # of the tests' schedule
        for response in (LOST, REFUSED):
            [claim] = await engine.claim()
            await engine.record(claim, response)
            seen.append(claim.trigger)
        clock.pass_seconds(100)

    delivery = await read_delivery(database, claim.delivery_id)
    assert seen == [Trigger.AUTOMATIC, Trigger.RECONNECT] * 3
    assert (delivery.state, delivery.attempt_count) == (DeliveryState.FAILED, 6)
    endpoint = await read_endpoint(database, endpoint_id)
    assert endpoint.failed_attempts == 0  # neither of the two attempts counts
    assert endpoint.failed_deliveries == 1  # but the schedule is used up
    assert endpoint.status is EndpointStatus.ACTIVE


async def test_an_attempt_with_a_wake_up_older_than_its_message_has_the_time_of_the_message(
    engine: Engine, database: Database, clock: Clock, endpoint_id: str
) -> None:
    assert endpoint_id
    engine.dispatcher.wake(clock.now - timedelta(seconds=30))

    await engine.deliver(limit=6)

    async with database.reading() as session:
        ids = (await session.exec(select(Delivery.id))).all()
    for delivery_id in ids:
        async with database.reading() as session:
            found = await find_delivery(session, delivery_id)
        assert found
        assert found.attempts[0].enqueued_at == found.message.created_at


@pytest.mark.usefixtures("endpoint_id")
async def test_if_an_attempt_cannot_be_stored_the_others_are(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = engine.client.send
    spoiled: list[Response] = []

    async def spoil_the_first(request: object) -> Response:
        response = await send(request)  # type: ignore[arg-type]
        if not spoiled:
            spoiled.append(response)
            response.request_headers = {"x": object()}  # type: ignore[dict-item]  # no JSON
        return response

    monkeypatch.setattr(engine.client, "send", spoil_the_first)
    loop = asyncio.create_task(engine.dispatcher.run())

    async def states() -> list[str]:
        async with database.reading() as session:
            return list((await session.exec(select(Delivery.state))).all())

    async def five_succeeded() -> bool:
        return (await states()).count(DeliveryState.SUCCEEDED) == 5

    await eventually(five_succeeded, "the other five succeed")
    engine.dispatcher.stop()
    await loop

    assert (await states()).count(DeliveryState.SENDING) == 1
