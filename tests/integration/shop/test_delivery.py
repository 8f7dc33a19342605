"""The delivery engine with a real database and a real receiver, and a clock set by the test."""

import asyncio
from datetime import timedelta

import pytest
import standardwebhooks
from sqlmodel import select

from hookshop.webkit.encryption import Encryption
from shop.database.models import EndpointSecret
from shop.database.transactions import Database
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import DeliveryState, EndpointStatus, Trigger
from shop.webhooks.endpoints import registry
from shop.webhooks.endpoints.deletion import delete_endpoint, finish_deletions
from shop.webhooks.endpoints.registry import NewEndpoint
from shop.webhooks.engine.http_client import Response
from shop.webhooks.manual_actions import resend
from shop.webhooks.queries.deliveries import DeliveryDetail, find_delivery
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import LEASE, Clock, Engine
from tests.receiver import Receiver


async def buy(database: Database, clock: Clock, encryption: Encryption, url: str) -> str:
    """Register the URL and order a mug. Return the id of the due delivery."""
    async with database.writing() as session:
        await registry.register(
            session, NewEndpoint(url), policy=UrlPolicy(), encryption=encryption, now=clock.now
        )
        placed = await place_order(session, price_order([Item("mug", 1)], "Ada"), now=clock.now)
    return placed.message.delivery_ids[0]


async def read(database: Database, delivery_id: str) -> DeliveryDetail:
    async with database.reading() as session:
        found = await find_delivery(session, delivery_id)
    assert found is not None
    return found


async def test_a_delivery_is_signed_and_has_the_stored_bytes(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)

    await engine.deliver()

    found = await read(database, delivery_id)
    [request] = receiver.requests
    assert request.body == found.message.body
    assert request.headers["webhook-id"] == found.message.id
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"].startswith("Bearer ")
    async with database.reading() as session:
        [secret] = (await session.exec(select(EndpointSecret.locked_secret))).all()
    standardwebhooks.Webhook(encryption.decrypt(secret)).verify(request.body, request.headers)


async def test_a_2xx_completes_the_delivery_and_records_request_and_response(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 202, b"thanks"
    delivery_id = await buy(database, clock, encryption, receiver.url)

    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.SUCCEEDED
    assert found.delivery.completed_at == clock.now
    assert found.delivery.next_attempt_at is None
    [attempt] = found.attempts
    assert attempt.number == 1
    assert attempt.trigger == Trigger.AUTOMATIC
    assert attempt.request_url == receiver.url
    assert attempt.request_headers["webhook-id"] == found.message.id
    assert attempt.response_status == 202
    assert attempt.response_body == b"thanks"
    assert attempt.error is None


async def test_a_failure_is_retried_on_the_schedule_and_succeeds(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.deliver()

    waiting = (await read(database, delivery_id)).delivery
    assert waiting.state == DeliveryState.PENDING
    assert waiting.last_status == 500
    assert waiting.next_attempt_at == clock.now + timedelta(seconds=10)
    await engine.deliver()  # too early
    assert len(receiver.requests) == 1

    receiver.status = 200
    clock.pass_seconds(10)
    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.SUCCEEDED
    assert [attempt.response_status for attempt in found.attempts] == [500, 200]


async def test_each_attempt_is_signed_for_its_own_time(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 500
    await buy(database, clock, encryption, receiver.url)

    await engine.deliver()
    clock.pass_seconds(10)
    await engine.deliver()

    first, second = receiver.requests
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 10


async def test_a_delivery_fails_when_its_schedule_is_used_up(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 503
    delivery_id = await buy(database, clock, encryption, receiver.url)

    for _ in range(3):
        await engine.deliver()
        clock.pass_seconds(60)

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.FAILED
    assert found.delivery.next_attempt_at is None
    assert found.delivery.completed_at is not None
    assert len(found.attempts) == 3


async def test_a_failed_delivery_can_be_resent(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await buy(database, clock, encryption, receiver.url)
    for _ in range(3):
        await engine.deliver()
        clock.pass_seconds(60)

    receiver.status = 200
    async with database.writing() as session:
        assert await resend(session, delivery_id, now=clock.now)
    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.SUCCEEDED
    assert found.attempts[-1].number == 4
    assert found.attempts[-1].trigger == Trigger.MANUAL


async def test_an_endpoint_that_responds_with_410_is_disabled_and_gets_no_more_requests(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    async with database.writing() as session:
        other = await place_order(session, price_order([Item("mug", 1)], "Bob"), now=clock.now)
    receiver.status = 410

    await engine.deliver()
    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.FAILED
    assert found.endpoint.status == EndpointStatus.DISABLED
    assert found.endpoint.disabled_reason == "gone"
    assert len(receiver.requests) == 1
    waiting = await read(database, other.message.delivery_ids[0])
    assert waiting.delivery.state == DeliveryState.PENDING


@pytest.mark.parametrize(("asked", "waited"), [("30", 30), ("1", 10), ("99999", 3600)])
async def test_retry_after_can_lengthen_a_delay_but_not_shorten_it(
    asked: str,
    waited: int,
    engine: Engine,
    database: Database,
    clock: Clock,
    encryption: Encryption,
    receiver: Receiver,
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": asked}
    delivery_id = await buy(database, clock, encryption, receiver.url)

    await engine.deliver()

    delivery = (await read(database, delivery_id)).delivery
    assert delivery.next_attempt_at == clock.now + timedelta(seconds=waited)


async def test_a_refused_connection_is_recorded(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption
) -> None:
    delivery_id = await buy(database, clock, encryption, "http://127.0.0.1:1025/nobody")

    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.PENDING
    assert found.delivery.last_error == "connection_refused"
    [attempt] = found.attempts
    assert attempt.response_status is None
    assert attempt.error == "connection_refused"
    assert attempt.error_detail


async def test_concurrent_looks_send_a_delivery_once(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    await buy(database, clock, encryption, receiver.url)

    await asyncio.gather(*(engine.dispatcher.look() for _ in range(20)))
    await engine.finish()

    assert len(receiver.requests) == 1


async def test_a_claim_whose_worker_died_is_due_again_after_its_lease(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.claim()

    assert not await engine.is_anything_due()
    clock.pass_seconds(LEASE.total_seconds())
    assert await engine.is_anything_due()

    await engine.deliver()
    assert (await read(database, delivery_id)).delivery.state == DeliveryState.SUCCEEDED


async def test_deliveries_to_a_deleted_endpoint_are_cancelled(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    found = await read(database, delivery_id)

    assert await delete_endpoint(database, found.endpoint.id, clock=lambda: clock.now)
    await engine.deliver()

    assert receiver.requests == []
    after = await read(database, delivery_id)
    assert after.delivery.state == DeliveryState.CANCELLED
    async with database.writing() as session:
        assert not await resend(session, delivery_id, now=clock.now)


async def test_a_secret_that_cannot_be_decrypted_is_recorded_as_an_internal_error(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    async with database.writing() as session:
        [secret] = (await session.exec(select(EndpointSecret))).all()
        secret.locked_secret = "locked with another key"
        session.add(secret)

    await engine.deliver()

    found = await read(database, delivery_id)
    assert found.delivery.state == DeliveryState.PENDING
    assert found.delivery.last_error == "internal_error"
    assert "broken" not in (found.attempts[0].error_detail or "")


async def test_a_request_in_flight_to_a_deleted_endpoint_is_not_retried(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    [claim] = await engine.claim()
    await delete_endpoint_of(database, clock, delivery_id)

    await engine.record(claim, Response({}, status=500, headers={}, body=b""))

    after = await read(database, delivery_id)
    assert after.delivery.state == DeliveryState.CANCELLED
    assert after.delivery.next_attempt_at is None
    assert [attempt.response_status for attempt in after.attempts] == [500]


async def test_a_claim_of_a_dead_worker_is_cancelled_if_the_endpoint_was_deleted(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.claim()
    await delete_endpoint_of(database, clock, delivery_id)
    clock.pass_seconds(60)

    await engine.deliver()  # releases the claim
    await finish_deletions(database, clock=lambda: clock.now)

    assert receiver.requests == []
    assert (await read(database, delivery_id)).delivery.state == DeliveryState.CANCELLED
    assert not await engine.is_anything_due()


async def delete_endpoint_of(database: Database, clock: Clock, delivery_id: str) -> None:
    found = await read(database, delivery_id)
    await delete_endpoint(database, found.endpoint.id, clock=lambda: clock.now)
