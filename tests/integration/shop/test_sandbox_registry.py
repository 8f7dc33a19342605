"""Sandboxes are made, found, changed and dropped; the limits on them hold."""

from datetime import timedelta

import pytest

from hookshop.webkit.encryption import Encryption
from shop.database.models import Sandbox, SteadyOrders
from shop.database.transactions import Database
from shop.orders import steady
from shop.sandboxes import registry
from shop.sandboxes.registry import DELETION_DELAY, SandboxIdTaken, TooManySandboxes
from shop.sandboxes.settings import InvalidSetting, SandboxSettings
from tests.integration.shop.conftest import Clock
from tests.integration.shop.sandboxes import LIFETIME, SandboxedShop


@pytest.fixture
def shops(database: Database, clock: Clock, encryption: Encryption) -> SandboxedShop:
    return SandboxedShop(database, clock, encryption)


async def find(shops: SandboxedShop, sandbox_id: str) -> Sandbox | None:
    async with shops.database.reading() as session:
        return await registry.find(session, sandbox_id, now=shops.clock.now)


async def page(shops: SandboxedShop, limit: int, before: int | None = None) -> list[str]:
    async with shops.database.reading() as session:
        found = await registry.find_page(session, before=before, limit=limit, now=shops.clock.now)
    return [sandbox.id for sandbox in found]


async def test_a_new_sandbox_has_the_settings_that_it_was_given(shops: SandboxedShop) -> None:
    number = await shops.create("lesson-7", {"retry_schedule": "0,1", "breaker_failures": 0})

    found = await find(shops, "lesson-7")

    assert found
    assert (found.number, found.retry_schedule, found.breaker_failures) == (number, "0,1", 0)
    assert (found.jitter, found.disable_after_failures) == (None, None)
    assert found.expires_at == shops.clock.now + LIFETIME


@pytest.mark.parametrize("sandbox_id", ["lesson-7", "main"])
async def test_an_id_is_given_only_once(shops: SandboxedShop, sandbox_id: str) -> None:
    await shops.create("lesson-7")

    with pytest.raises(SandboxIdTaken, match="choose another id"):
        await shops.create(sandbox_id)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"retry_schedule": "soon"}, "retry_schedule: expected demo or standard"),
        ({"jitter": 0.51}, "jitter: must be from 0 to 0.5"),
        ({"jitter": float("nan")}, "jitter: must be from 0 to 0.5"),
        ({"request_timeout_seconds": 0}, "request_timeout_seconds: must be more than 0"),
        ({"request_timeout_seconds": 61}, "request_timeout_seconds: must be from 0 to 60"),
        ({"breaker_failures": -1}, "breaker_failures: must be from 0"),
        ({"disable_after_failures": -1}, "disable_after_failures: must be from 0"),
    ],
)
async def test_an_impossible_setting_is_named(
    shops: SandboxedShop, wanted: SandboxSettings, message: str
) -> None:
    await shops.create("lesson-7")

    with pytest.raises(InvalidSetting, match=message):
        await shops.create("lesson-8", wanted)
    with pytest.raises(InvalidSetting, match=message):
        await shops.change("lesson-7", wanted)


async def test_a_change_leaves_other_settings_as_they_are(shops: SandboxedShop) -> None:
    await shops.create("lesson-7", {"retry_schedule": "0,1", "jitter": 0.0})

    await shops.change("lesson-7", {"retry_schedule": None, "breaker_failures": 3})

    found = await find(shops, "lesson-7")
    assert found
    assert (found.retry_schedule, found.jitter, found.breaker_failures) == (None, 0, 3)


async def test_main_has_no_settings_and_cannot_be_dropped(shops: SandboxedShop) -> None:
    assert await shops.change("main", {"jitter": 0.0}) is None
    assert await shops.drop("main") is None
    assert await find(shops, "main")


async def test_a_list_is_paged_with_the_newest_first(shops: SandboxedShop) -> None:
    numbers = [await shops.create(f"lesson-{number}") for number in range(4)]
    await shops.drop("lesson-2")

    assert await page(shops, limit=2) == ["lesson-3", "lesson-1"]
    assert await page(shops, limit=2, before=numbers[1]) == ["lesson-0"]


async def test_a_dropped_sandbox_is_not_found_and_its_id_is_free(shops: SandboxedShop) -> None:
    number = await shops.create("lesson-7")
    endpoint_id = await shops.register(number=number)
    async with shops.writing(number) as session:
        await steady.start(session, now=shops.clock.now)

    assert await shops.drop("lesson-7") == number

    assert await find(shops, "lesson-7") is None
    assert await shops.drop("lesson-7") is None
    assert (await shops.endpoint(endpoint_id)).deleted_at == shops.clock.now
    assert await shops.count(SteadyOrders, number=number) == 0
    assert await shops.create("lesson-7") > number


async def test_an_expired_sandbox_is_not_found_and_its_id_is_free(shops: SandboxedShop) -> None:
    number = await shops.create("lesson-7")
    endpoint_id = await shops.register(number=number)
    shops.clock.now += LIFETIME

    assert await find(shops, "lesson-7") is None
    assert await shops.create("lesson-7") > number
    assert (await shops.endpoint(endpoint_id)).deleted_at


async def test_what_has_expired_is_dropped(shops: SandboxedShop) -> None:
    expired = await shops.create("lesson-7")
    shops.clock.now += LIFETIME
    await shops.create("lesson-8")

    async with shops.database.writing() as session:
        dropped = await registry.drop_expired(session, now=shops.clock.now)
        again = await registry.drop_expired(session, now=shops.clock.now)

    assert (dropped, again) == ([expired], [])
    assert await page(shops, limit=10) == ["lesson-8"]
    assert await find(shops, "main")


async def test_rows_are_not_deleted_before_the_last_requests_have_ended(
    shops: SandboxedShop,
) -> None:
    number = await shops.create("lesson-7")
    await shops.drop("lesson-7")

    async with shops.database.reading() as session:
        at_once = await registry.find_dropped(session, now=shops.clock.now)
        later = await registry.find_dropped(session, now=shops.clock.now + DELETION_DELAY)

    assert (at_once, later) == ([], [number])


async def test_there_is_a_limit_on_live_sandboxes(shops: SandboxedShop) -> None:
    shops.max_sandboxes = 2
    await shops.create("lesson-7")
    shops.clock.now += timedelta(seconds=1)
    await shops.create("lesson-8")

    with pytest.raises(TooManySandboxes, match="2 sandboxes already"):
        await shops.create("lesson-9")
    shops.clock.now += LIFETIME - timedelta(seconds=1)
    await shops.create("lesson-9")
