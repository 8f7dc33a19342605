"""A sandbox's own settings count from the next look on, and those of others stay as they are."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import jwt
import pytest

from hookshop.webkit.encryption import Encryption
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.models import Attempt, Delivery
from shop.database.transactions import Database
from shop.vocabulary import DeliveryState, EndpointStatus
from shop.webhooks.engine.http_client import Response
from shop.webhooks.engine.settings import LEASE_MARGIN
from tests.integration.shop.conftest import LEASE, REQUEST_TIMEOUT, Clock, Engine
from tests.integration.shop.sandboxes import SandboxedShop
from tests.receiver import Receiver

REFUSED = Response({}, error="connection_refused")


@pytest.fixture
def shops(database: Database, clock: Clock, encryption: Encryption) -> SandboxedShop:
    return SandboxedShop(database, clock, encryption)


@pytest.fixture
def url_that_never_answers() -> Iterator[str]:
    """Listen without accepting: the kernel completes connections, but no request is read."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"


async def delivery(shops: SandboxedShop, delivery_id: str) -> Delivery:
    with bound_to(ALL):
        async with shops.database.reading() as session:
            return await session.get_one(Delivery, delivery_id)


async def fail(engine: Engine, times: int = 1) -> None:
    """Let the due deliveries fail, one after the other."""
    for _ in range(times):
        [claim] = await engine.claim()
        await engine.record(claim, REFUSED)


async def seconds_to_retry(shops: SandboxedShop, engine: Engine, number: int) -> float:
    [delivery_id] = await shops.buy(number=number)
    await fail(engine)
    waiting = await delivery(shops, delivery_id)
    assert waiting.next_attempt_at
    return (waiting.next_attempt_at - shops.clock.now).total_seconds()


async def test_the_retry_schedule_of_a_sandbox_counts_from_the_next_attempt_on(
    shops: SandboxedShop, engine: Engine
) -> None:
    number = await shops.create("lesson-7", {"retry_schedule": "0,7,7"})
    await shops.register()
    await shops.register(number=number)

    assert await seconds_to_retry(shops, engine, 0) == 10
    assert await seconds_to_retry(shops, engine, number) == 7
    await shops.change("lesson-7", {"retry_schedule": "0,300"})
    assert await seconds_to_retry(shops, engine, number) == 300
    await shops.change("lesson-7", {"retry_schedule": None})
    assert await seconds_to_retry(shops, engine, number) == 10


async def test_the_schedule_of_a_sandbox_ends_its_deliveries(
    shops: SandboxedShop, engine: Engine
) -> None:
    number = await shops.create("lesson-7", {"retry_schedule": "0"})
    await shops.register(number=number)
    [delivery_id] = await shops.buy(number=number)

    await fail(engine)

    assert await shops.state(delivery_id) is DeliveryState.FAILED


@pytest.mark.parametrize(("failures", "opens_after"), [(3, 3), (0, None)])
async def test_the_circuit_breaker_of_a_sandbox_opens_after_as_many_failures_as_it_says(
    shops: SandboxedShop, engine: Engine, failures: int, opens_after: int | None
) -> None:
    number = await shops.create("lesson-7", {"breaker_failures": failures})
    endpoint_id = await shops.register(number=number)
    await shops.buy(30, number=number)

    await fail(engine, (opens_after or 30) - 1)
    before = (await shops.endpoint(endpoint_id)).probe_at
    await fail(engine)

    after = await shops.endpoint(endpoint_id)
    assert before is None
    assert (after.probe_at is not None) == (opens_after is not None)
    assert after.failed_attempts == (opens_after or 30)


@pytest.mark.parametrize(("failures", "status"), [(1, "disabled"), (0, "active"), (5, "active")])
async def test_endpoints_of_a_sandbox_are_disabled_after_as_many_failures_as_it_says(
    shops: SandboxedShop, engine: Engine, failures: int, status: str
) -> None:
    settings = {"retry_schedule": "0", "disable_after_failures": failures}
    number = await shops.create("lesson-7", settings)  # type: ignore[arg-type]
    endpoint_id = await shops.register(number=number)
    await shops.buy(4, number=number)

    await fail(engine, 1 if status == "disabled" else 4)

    assert (await shops.endpoint(endpoint_id)).status is EndpointStatus(status)


async def test_a_request_of_a_sandbox_ends_after_its_own_timeout(
    shops: SandboxedShop, engine: Engine, url_that_never_answers: str
) -> None:
    number = await shops.create("lesson-7", {"request_timeout_seconds": 0.2})
    await shops.register(url_that_never_answers, number=number)
    [delivery_id] = await shops.buy(number=number)

    await engine.dispatcher.look()
    longest = engine.dispatcher.longest_timeout()
    await engine.finish()

    assert longest == timedelta(seconds=0.2)
    assert engine.dispatcher.longest_timeout() == timedelta()
    assert (await delivery(shops, delivery_id)).last_error == "response_timeout"
    with bound_to(number):
        async with shops.database.reading() as session:
            attempt = await session.get_one(Attempt, (delivery_id, 1))
    assert (
        attempt.duration_ms < REQUEST_TIMEOUT.total_seconds() * 1000
    )  # the timeout of the process


async def test_a_lease_covers_the_timeout_of_its_sandbox(
    shops: SandboxedShop, engine: Engine
) -> None:
    number = await shops.create("lesson-7", {"request_timeout_seconds": 60})
    await shops.register(number=number)
    await shops.register()
    await shops.buy(number=number)
    await shops.buy()

    claims = await engine.claim(limit=10)

    leases = {
        claim.sandbox: (await delivery(shops, claim.delivery_id)).lease_expires_at
        for claim in claims
    }
    assert leases == {
        number: shops.clock.now + timedelta(seconds=60) + LEASE_MARGIN,
        0: shops.clock.now + LEASE,
    }


async def test_the_token_names_the_sandbox_as_its_issuer(
    shops: SandboxedShop, engine: Engine, receiver: Receiver
) -> None:
    number = await shops.create("lesson-7")
    await shops.register(receiver.url, number=number)
    await shops.buy(number=number)

    await engine.deliver()

    token = receiver.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == "http://shop.example/s/lesson-7"


async def test_an_attempt_of_a_dropped_sandbox_is_not_recorded(
    shops: SandboxedShop, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    number = await shops.create("lesson-7")
    endpoint_id = await shops.register(number=number)
    [delivery_id] = await shops.buy(number=number)
    [claim] = await engine.claim()
    await shops.drop("lesson-7")

    await engine.record(claim, REFUSED)

    unchanged = await delivery(shops, delivery_id)
    assert (unchanged.state, unchanged.attempt_count) == (DeliveryState.SENDING, 0)
    assert (await shops.endpoint(endpoint_id)).failed_attempts == 0
    assert f"{delivery_id}: attempt 1 not recorded" in caplog.text


async def test_nothing_is_sent_for_a_dropped_sandbox(shops: SandboxedShop, engine: Engine) -> None:
    number = await shops.create("lesson-7")
    await shops.register(number=number)
    await shops.buy(3, number=number)
    await engine.claim()

    await shops.drop("lesson-7")

    assert not await engine.is_anything_due()
    assert await engine.claim(limit=10) == ()
    shops.clock.pass_seconds(60)  # the lease of the first claim ends
    assert await engine.claim(limit=10) == ()
