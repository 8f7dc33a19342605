"""The data of an attempt about its timing: when it was scheduled and due, its delay, its phases."""

from datetime import timedelta

import pytest

from hookshop.webkit.encryption import Encryption
from shop.database.models import Attempt
from shop.database.transactions import Database
from shop.vocabulary import Trigger
from shop.webhooks.manual_actions import resend
from shop.webhooks.queries.deliveries import find_delivery
from tests.integration.shop.conftest import LEASE, Clock, Engine
from tests.integration.shop.test_delivery import buy
from tests.receiver import Receiver


async def attempts_of(database: Database, delivery_id: str) -> list[Attempt]:
    async with database.reading() as session:
        found = await find_delivery(session, delivery_id)
    assert found is not None
    return list(found.attempts)


async def test_the_first_attempt_is_due_immediately_and_has_no_delay(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    created_at = clock.now
    clock.pass_seconds(3)  # no worker was free

    await engine.deliver()

    [first] = await attempts_of(database, delivery_id)
    assert (first.decided_at, first.due_at, first.delay) == (created_at, created_at, None)
    assert first.started_at == created_at + timedelta(seconds=3)


async def test_a_retry_records_its_delay_and_when_it_was_scheduled(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.deliver()
    decided_at = clock.now

    clock.pass_seconds(10.5)
    await engine.deliver()

    second = (await attempts_of(database, delivery_id))[1]
    assert second.delay == {"schedule": 10, "jitter": 0, "retry_after": 0}
    assert second.decided_at == decided_at
    assert second.due_at == decided_at + timedelta(seconds=10)
    assert second.started_at == decided_at + timedelta(seconds=10.5)
    assert second.trigger == Trigger.AUTOMATIC


@pytest.mark.parametrize(("asked", "kept"), [("30", 30), ("1", 1), ("99999", 3600), ("soon", 0)])
async def test_retry_after_is_recorded_up_to_its_maximum_even_if_the_schedule_is_longer(
    asked: str,
    kept: float,
    engine: Engine,
    database: Database,
    clock: Clock,
    encryption: Encryption,
    receiver: Receiver,
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": asked}
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.deliver()
    decided_at = clock.now

    clock.pass_seconds(3600)
    await engine.deliver()

    second = (await attempts_of(database, delivery_id))[1]
    assert second.delay == {"schedule": 10, "jitter": 0, "retry_after": kept}
    assert second.due_at == decided_at + timedelta(seconds=max(10, kept))


async def test_a_resent_delivery_is_due_immediately_and_has_no_delay(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    receiver.status = 500
    delivery_id = await buy(database, clock, encryption, receiver.url)
    await engine.deliver()
    clock.pass_seconds(2)  # while the retry waits

    async with database.writing() as session:
        await resend(session, delivery_id, now=clock.now)
    clicked_at = clock.now
    await engine.deliver()

    second = (await attempts_of(database, delivery_id))[1]
    assert second.trigger == Trigger.MANUAL
    assert (second.decided_at, second.due_at, second.delay) == (clicked_at, clicked_at, None)


async def test_an_attempt_is_still_due_at_its_planned_time_after_its_worker_died(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)
    due_at = clock.now
    await engine.claim()
    clock.pass_seconds(LEASE.total_seconds())

    await engine.deliver()

    [first] = await attempts_of(database, delivery_id)
    assert first.due_at == due_at
    assert first.started_at == due_at + LEASE


async def test_the_phases_of_an_attempt_are_recorded(
    engine: Engine, database: Database, clock: Clock, encryption: Encryption, receiver: Receiver
) -> None:
    delivery_id = await buy(database, clock, encryption, receiver.url)

    await engine.deliver()

    [first] = await attempts_of(database, delivery_id)
    assert first.timings
    assert first.timings["reused_connection"] is False
    assert first.timings["waiting_ms"] > 0
