"""Time that is skipped: the plan moves, and each attempt on the way is really made, in order."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
import standardwebhooks
from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.times import utc_now
from shop.app import create_app
from shop.config import Settings
from shop.database.bound_sandbox import ALL, bound_to
from shop.database.models import SteadyOrders
from shop.database.moved_times import earlier
from shop.database.transactions import Database
from shop.orders.placing import order_commits
from shop.redis.change_feed import ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.web.actions import Actions
from shop.webhooks import clock as clocks
from shop.webhooks.engine.dispatcher import Dispatcher
from shop.webhooks.engine.http_client import HttpClient
from shop.webhooks.engine.settings import DeliverySettings
from shop.webhooks.rules.retries import NAMED_SCHEDULES, RetrySchedule
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.browsing import Shop, fail_attempts, order, register, state
from tests.integration.shop.conftest import LEASE, Clock, Engine
from tests.receiver import Receiver
from tests.serving import free_port, serving

Json = dict[str, Any]
HOUR, DAY = 3600, 86_400
STANDARD = RetrySchedule(NAMED_SCHEDULES["standard"])
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


@pytest.fixture
async def live(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on a real socket, so that a worker of the same loop runs while a call waits."""
    with free_port() as listening:
        async with (
            serving(create_app(settings), listening) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=90) as client,
        ):
            yield client


@dataclass(slots=True)
class Workers:
    """Runs dispatchers with the real clock, as worker processes do."""

    database: Database
    settings: Settings
    encryption: Encryption

    @asynccontextmanager
    async def running(
        self, schedule: RetrySchedule = STANDARD, *, timeout_seconds: float = 30
    ) -> AsyncIterator[Dispatcher]:
        feed = ChangeFeed(self.settings.resolved_redis_url)
        wake_ups = WakeUps(self.settings.resolved_redis_url)
        client = HttpClient(UrlPolicy(), timeout_seconds=timeout_seconds)
        rules = DeliverySettings(
            schedule=schedule,
            request_timeout=timedelta(seconds=timeout_seconds),
            issuer="http://shop.example",
            now=utc_now,
            random=random.Random(7).random,
            breaker_failures=0,
        )
        dispatcher = Dispatcher(self.database, client, feed, wake_ups, self.encryption, rules)
        with bound_to(ALL):
            running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running
            for part in (client, wake_ups, feed):
                await part.close()


@pytest.fixture
def workers(database: Database, settings: Settings, encryption: Encryption) -> Workers:
    return Workers(database, settings, encryption)


@pytest.fixture
async def actions(
    database: Database, settings: Settings, encryption: Encryption
) -> AsyncIterator[Actions]:
    wake_ups, feed = WakeUps(settings.resolved_redis_url), ChangeFeed(settings.resolved_redis_url)
    orders = order_commits(database, clock=utc_now)
    yield Actions(database, wake_ups, feed, encryption, orders)
    for part in (wake_ups, feed):
        await part.close()


async def advance(shop: httpx.AsyncClient, base: str = "", **how: Any) -> Json:
    answer = await shop.post(f"{base}/v1/clock/advance", json=how)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def read_clock(shop: httpx.AsyncClient, base: str = "", **query: Any) -> Json:
    answer = await shop.get(f"{base}/v1/clock", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ready(shop: httpx.AsyncClient, base: str = "") -> Json:
    return await read_clock(shop, base, wait=60, strict=1)


async def finish(shop: Shop, engine: Engine, base: str = "") -> Json:
    """Let the worker of the test's clock take all steps. Return the clock."""
    for _ in range(200):
        await engine.deliver(limit=50)
        found = await read_clock(shop, base)
        if found["satisfied"]:
            return found
    raise AssertionError(f"still advancing: {found}")


async def deliveries(shop: httpx.AsyncClient) -> list[Json]:
    """Return all deliveries with their attempts, oldest first."""
    listed = (await shop.get("/v1/deliveries", params={"limit": 100})).json()["data"]
    found = [(await shop.get(f"/v1/deliveries/{each['id']}")).json() for each in listed]
    return found[::-1]


def attempts_in_order(found: list[Json]) -> list[Json]:
    """Return all attempts in the order in which they started.

    Each gets ``skipped_so_far``: how much had been skipped since its delivery was created.
    """
    attempts = []
    for delivery in found:
        so_far = 0.0
        for attempt in delivery["attempts"]:
            so_far += attempt["skipped_seconds"]
            attempts.append(attempt | {"skipped_so_far": round(so_far, 3)})
    return sorted(attempts, key=lambda attempt: attempt["started_at"])


def planned_seconds(attempt: Json) -> float:
    """Return the delay before an attempt by its times: what has really passed and was skipped."""
    waited = moment(attempt["due_at"]) - moment(attempt["decided_at"])
    return waited.total_seconds() + float(attempt["skipped_seconds"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestThreeDays:
    async def test_ten_deliveries_make_all_attempts_of_the_standard_schedule_in_seconds(
        self, live: httpx.AsyncClient, workers: Workers, receiver: Receiver
    ) -> None:
        receiver.status = 503
        body = {"webhook_url": receiver.url}
        secret = (await live.post("/v1/webhooks/register", json=body)).json()["secret"]
        begun, started_at = time.time(), time.monotonic()
        for _ in range(10):
            await live.post("/v1/orders", json=MUG)
        async with workers.running():
            await advance(live, seconds=5 * DAY)
            clock = await ready(live)
        took = time.monotonic() - started_at

        found = await deliveries(live)
        attempts = attempts_in_order(found)
        assert took < 10
        assert clock["skipped_seconds"] == 5 * DAY
        assert {(each["state"], each["attempt_count"]) for each in found} == {("failed", 10)}
        # In their order: what had been skipped before an attempt grows from one to the next.
        assert all(a["skipped_so_far"] <= b["skipped_so_far"] for a, b in pairwise(attempts))
        for attempt in attempts:
            if delay := attempt["delay"]:
                expected = delay["schedule_seconds"] + delay["jitter_seconds"]
                assert planned_seconds(attempt) == pytest.approx(expected, abs=0.002)
        # At the receiver the real time has passed, and its library accepts each request.
        assert len(receiver.requests) == 100
        for request in receiver.requests:
            standardwebhooks.Webhook(secret).verify(request.body, request.headers)
            assert int(begun) <= int(request.headers["webhook-timestamp"]) <= time.time()

    async def test_two_workers_share_an_advance_and_a_third_goes_on_after_them(
        self, live: httpx.AsyncClient, workers: Workers, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(live, receiver.url)
        for _ in range(3):
            await live.post("/v1/orders", json=MUG)
        async with workers.running(), workers.running():
            await advance(live, seconds=5 * DAY)
            while len(receiver.requests) < 10:  # noqa: ASYNC110 – the receiver has no event
                await asyncio.sleep(0.01)
        at_their_stop = await read_clock(live)
        async with workers.running():
            clock = await ready(live)

        found = await deliveries(live)
        attempts = attempts_in_order(found)
        assert at_their_stop["state"] == "advancing"
        assert clock["skipped_seconds"] == 5 * DAY
        assert {(each["state"], each["attempt_count"]) for each in found} == {("failed", 10)}
        assert all(a["skipped_so_far"] <= b["skipped_so_far"] for a, b in pairwise(attempts))
        assert len(receiver.requests) == 30


class TestSteps:
    async def test_a_step_goes_to_the_next_attempt_and_the_last_one_the_rest_of_the_way(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(shop, receiver.url)
        await order(shop)
        clock.catch_up()
        await engine.deliver()

        started = await advance(shop, seconds=60)
        clock_after = await finish(shop, engine)

        [delivery] = await deliveries(shop)
        assert started["state"] == "advancing"
        assert started["remaining_seconds"] == 60
        assert clock_after["skipped_seconds"] == 60
        assert clock_after["step_waits_for"] is None
        assert [each["skipped_seconds"] for each in delivery["attempts"]] == [0, 10]
        assert delivery["skipped_seconds"] == 50
        expected = clock.now + timedelta(seconds=10)  # the third attempt waits for 60 s
        assert moment(delivery["next_attempt_at"]) == expected.replace(
            microsecond=expected.microsecond // 1000 * 1000
        )

    async def test_the_next_attempt_may_be_the_retry_of_one_that_is_in_flight(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(shop, receiver.url)
        await order(shop)
        clock.catch_up()
        await engine.dispatcher.look(limit=1)

        started = await advance(shop, to="next_attempt")
        await engine.finish()
        clock_after = await finish(shop, engine)

        [delivery] = await deliveries(shop)
        assert started["remaining_seconds"] is None
        assert delivery["attempt_count"] == 2
        assert clock_after["skipped_seconds"] == 10

    async def test_a_step_waits_for_what_is_in_flight_and_says_until_when(
        self, shop: Shop, engine: Engine, clock: Clock
    ) -> None:
        await register(shop)
        await order(shop)
        clock.catch_up()
        await engine.claim()  # by a worker that dies

        await advance(shop, seconds=30 * DAY)
        assert not await engine.is_anything_due()
        await engine.deliver()
        found = await read_clock(shop)
        late = await shop.get("/v1/clock", params={"wait": 0.05, "strict": 1})

        until = rounded(clock.now + LEASE)
        assert found["skipped_seconds"] == 0
        assert found["step_waits_for"] == {"in_flight": 1, "due": 0, "until": until}
        assert late.status_code == 504
        assert late.json()["detail"].endswith(
            f"the next step waits for 1 in flight (until {until} at the latest) and 0 due"
        )

    async def test_a_dead_workers_lease_ends_in_real_time(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        await register(shop, receiver.url)
        await order(shop)
        clock.catch_up()
        await engine.claim()
        await advance(shop, seconds=DAY)
        await engine.deliver()
        clock.pass_seconds(LEASE.total_seconds())

        found = await finish(shop, engine)

        [delivery] = await deliveries(shop)
        assert delivery["state"] == "succeeded"
        assert delivery["attempts"][0]["skipped_seconds"] == 0
        assert found["skipped_seconds"] == DAY

    async def test_an_idle_worker_finds_an_advance_without_a_wake_up(
        self, shop: Shop, engine: Engine
    ) -> None:
        assert not await engine.is_anything_due()

        await advance(shop, seconds=DAY)

        assert await engine.is_anything_due()
        await engine.deliver()
        assert not await engine.is_anything_due()
        assert (await read_clock(shop))["skipped_seconds"] == DAY

    async def test_an_order_that_comes_meanwhile_is_delivered_first_and_its_retries_follow(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(shop, receiver.url)
        await order(shop)
        clock.catch_up()
        await engine.deliver()
        await advance(shop, seconds=HOUR)
        await engine.deliver()

        await order(shop)
        clock.catch_up()
        await finish(shop, engine)

        found = await deliveries(shop)
        assert [each["attempt_count"] for each in found] == [3, 3]
        assert [each["skipped_seconds"] for each in found[1]["attempts"]] == [
            0,
            pytest.approx(10, abs=0.001),
            pytest.approx(60, abs=0.001),
        ]

    async def test_a_receiver_that_hangs_holds_a_step_up_until_its_deadline(
        self, live: httpx.AsyncClient, workers: Workers
    ) -> None:
        held = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.set()
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await register(live, f"http://127.0.0.1:{port}/hook")
        await live.post("/v1/orders", json=MUG)
        async with server, workers.running(RetrySchedule((0, HOUR)), timeout_seconds=0.5):
            await held.wait()
            await advance(live, seconds=DAY)
            hanging = await read_clock(live)
            clock = await ready(live)

        [delivery] = await deliveries(live)
        assert hanging["step_waits_for"]["in_flight"] == 1
        assert hanging["skipped_seconds"] == 0
        assert clock["skipped_seconds"] == DAY
        assert [each["error"] for each in delivery["attempts"]] == ["response_timeout"] * 2
        assert all(each["duration_ms"] >= 500 for each in delivery["attempts"])


def rounded(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TestWhatFollows:
    async def test_former_secrets_sign_until_their_grace_has_passed(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
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


class TestStart:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({}, "send either"),
            ({"seconds": 5, "to": "next_attempt"}, "send either"),
            ({"seconds": 0}, "seconds"),
            ({"seconds": -1}, "seconds"),
            ({"seconds": 30 * DAY + 1}, "seconds"),
            ({"seconds": "5"}, "seconds"),
            ({"to": "the end"}, "to"),
            ({"hours": 1}, "hours"),
        ],
    )
    async def test_a_wrong_distance_is_refused(self, body: Json, reason: str, shop: Shop) -> None:
        answer = await shop.post("/v1/clock/advance", json=body)

        assert answer.status_code == 400
        assert reason in answer.json()["detail"]

    async def test_only_one_of_several_at_once_starts(self, live: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(
            *(live.post("/v1/clock/advance", json={"seconds": DAY}) for _ in range(5))
        )

        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
        [detail] = {each.json()["detail"] for each in answers if each.status_code == 409}
        assert "an advance is under way; wait until GET /v1/clock?wait=10 says ready" in detail

    async def test_the_next_attempt_of_nothing_is_refused(self, shop: Shop) -> None:
        answer = await shop.post("/v1/clock/advance", json={"to": "next_attempt"})

        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("no attempt is planned")

    async def test_too_many_pending_deliveries_are_refused(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clocks, "MAX_PENDING", 2)
        await register(shop)
        placed = [await order(shop) for _ in range(3)]

        answer = await shop.post("/v1/clock/advance", json={"seconds": 1})
        await shop.post(f"/v1/deliveries/{placed[0]['delivery_ids'][0]}/cancel")
        await advance(shop, seconds=1)

        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("more than 2 deliveries are pending")

    async def test_a_reset_ends_an_advance(self, shop: Shop, engine: Engine) -> None:
        await advance(shop, seconds=DAY)
        await engine.deliver()
        await advance(shop, seconds=DAY)

        await shop.post("/v1/sandbox/reset")

        found = await read_clock(shop)
        assert (found["state"], found["skipped_seconds"]) == ("ready", 0)
        assert not await engine.is_anything_due()

    async def test_a_dropped_sandbox_advances_no_more(self, shop: Shop, engine: Engine) -> None:
        await shop.post("/v1/sandboxes", json={"id": "lesson-7"})
        await advance(shop, "/s/lesson-7", seconds=DAY)

        await shop.delete("/v1/sandboxes/lesson-7")

        assert not await engine.is_anything_due()


class TestOneDelivery:
    async def test_an_advance_to_its_next_attempt_makes_those_of_others_on_the_way(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
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
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
    ) -> None:
        receiver.status = 503
        endpoint_id = await register(shop, receiver.url)
        await fail_attempts(shop, engine, clock, times=20)
        receiver.status = 200

        assert await actions.skip_to_probe_of(endpoint_id)
        await finish(shop, engine)

        breaker = (await shop.get(f"/v1/webhooks/{endpoint_id}")).json()["breaker"]
        assert breaker["state"] == "closed"

    async def test_there_is_no_way_to_what_does_not_exist_or_has_ended(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver, actions: Actions
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
