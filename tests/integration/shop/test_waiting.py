"""Calls of the shop's API that wait, and the numbers that they wait for."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from hookshop.webkit import waiting
from shop.app import create_app
from shop.config import Settings
from tests.integration.shop.browsing import Shop, fail_attempts, order, register
from tests.integration.shop.conftest import LEASE, Clock, Engine
from tests.programs import async_client
from tests.receiver import Receiver
from tests.serving import free_port, serving
from tests.waiting import MAX_WAIT_SECONDS, eventually

A_LONG_TIME = 60  # seconds
BREAKER_FAILURES = 20
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
Json = dict[str, Any]


async def read(shop: httpx.AsyncClient, path: str, **query: Any) -> Json:
    answer = await shop.get(path, params=query)
    assert answer.status_code == 200, answer.text
    document: Json = answer.json()
    return document


async def numbers(shop: httpx.AsyncClient) -> tuple[int, int, int, int]:
    """Return what is in flight, due, pending and held."""
    found = await read(shop, "/v1/quiescence")
    return found["in_flight"], found["due"], found["pending"], found["held"]


async def is_quiet(shop: httpx.AsyncClient) -> dict[str, bool]:
    levels = ("idle", "settled")
    return {
        level: (await read(shop, "/v1/quiescence", level=level))["satisfied"] for level in levels
    }


@pytest.fixture
async def live(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on a real socket, which sends several requests at once."""
    with free_port() as listening:
        async with (
            serving(create_app(settings), listening) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=MAX_WAIT_SECONDS) as client,
        ):
            yield client


@pytest.fixture
def _no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an announcement can wake a call, so that a lost one is not made up for."""
    monkeypatch.setattr(waiting, "POLL_INTERVAL_SECONDS", 3600.0)


class TestDeliveries:
    async def test_a_list_that_nobody_waits_for_is_as_ever(self, shop: Shop) -> None:
        assert await read(shop, "/v1/deliveries") == {"data": [], "next_cursor": None}

    async def test_a_minimum_is_checked_at_once_without_a_wait(self, shop: Shop) -> None:
        await register(shop)
        for _ in range(2):
            await order(shop)

        two = await read(shop, "/v1/deliveries", min_count=2, limit=1)
        three = await read(shop, "/v1/deliveries", min_count=3)

        assert two["satisfied"] is True
        assert len(two["data"]) == 1
        assert two["next_cursor"] == two["data"][0]["id"]
        assert three["satisfied"] is False
        assert len(three["data"]) == 2

    @pytest.mark.usefixtures("_no_polls")
    async def test_a_delivery_that_ends_at_any_moment_ends_the_wait(
        self, live: httpx.AsyncClient
    ) -> None:
        await register(live)
        for turns in range(0, 60, 2):
            placed = (await live.post("/v1/orders", json=MUG)).json()
            query = {"order_id": placed["id"], "state": "cancelled", "wait": A_LONG_TIME}
            call = asyncio.create_task(read(live, "/v1/deliveries", **query))
            for _ in range(turns):
                await asyncio.sleep(0)

            await live.post(f"/v1/deliveries/{placed['delivery_ids'][0]}/cancel")
            answer = await call

            assert answer["satisfied"], turns
            assert [each["id"] for each in answer["data"]] == placed["delivery_ids"]

    async def test_a_strict_call_answers_504(self, shop: Shop) -> None:
        answer = await shop.get("/v1/deliveries?order_id=ord_1&min_count=2&wait=0.05&strict=1")

        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"
        expected = "not satisfied within 0.05 s: fewer than 2 deliveries match"
        assert answer.json()["detail"] == expected

    @pytest.mark.parametrize(
        "query", ["wait=61", "wait=-1", "min_count=0", "min_count=101", "strict=perhaps"]
    )
    async def test_a_wait_out_of_bounds_is_refused(self, query: str, shop: Shop) -> None:
        answer = await shop.get(f"/v1/deliveries?{query}")

        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(f"{query.partition('=')[0]}: Expected")


class TestOrder:
    async def test_an_order_is_settled_when_its_deliveries_have_ended(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        await register(shop, receiver.url)
        path = f"/v1/orders/{(await order(shop))['id']}"

        before = await read(shop, path, wait_for="settled", wait=0.05)
        clock.catch_up()
        await engine.claim()
        sending = await read(shop, path, wait_for="settled")
        clock.pass_seconds(LEASE.total_seconds())  # the lease of that worker has expired
        await engine.deliver()
        after = await read(shop, path, wait=A_LONG_TIME)

        assert [each["satisfied"] for each in (before, sending, after)] == [False, False, True]
        assert [each["deliveries"][0]["state"] for each in (before, sending, after)] == [
            "pending",
            "sending",
            "succeeded",
        ]
        assert "satisfied" not in await read(shop, path)

    @pytest.mark.usefixtures("_no_polls")
    async def test_pausing_the_endpoint_settles_an_order_that_waits_for_it(
        self, live: httpx.AsyncClient
    ) -> None:
        endpoint_id = await register(live)
        placed = (await live.post("/v1/orders", json=MUG)).json()
        call = asyncio.create_task(read(live, f"/v1/orders/{placed['id']}", wait=A_LONG_TIME))

        await live.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

        answer = await call
        assert answer["satisfied"]
        assert answer["deliveries"][0]["state"] == "pending"

    async def test_an_order_without_subscribers_is_settled(self, shop: Shop) -> None:
        placed = await order(shop)

        answer = await read(shop, f"/v1/orders/{placed['id']}", wait_for="settled", strict=1)

        assert answer["satisfied"]

    async def test_an_order_that_does_not_exist_is_404_at_once(self, shop: Shop) -> None:
        answer = await shop.get(f"/v1/orders/ord_1?wait={A_LONG_TIME}")

        assert answer.status_code == 404

    @pytest.mark.parametrize("query", ["wait=10", "wait_for=settled", "strict=1"])
    async def test_a_customer_does_not_learn_whether_an_order_is_settled(
        self, query: str, settings: Settings
    ) -> None:
        app = create_app(settings.model_copy(update={"admin_token": SecretStr("x" * 16)}))
        with free_port() as listening:
            async with (
                serving(app, listening) as url,
                async_client(url) as customer,
            ):
                placed = (await customer.post("/v1/orders", json=MUG)).json()
                answer = await customer.get(f"/v1/orders/{placed['id']}?{query}")

        assert answer.status_code == 401
        assert "waiting needs the token" in answer.json()["detail"]


class TestQuiescence:
    async def test_a_new_shop_is_quiet(self, shop: Shop) -> None:
        assert await read(shop, "/v1/quiescence", level="settled", wait=A_LONG_TIME) == {
            "satisfied": True,
            "in_flight": 0,
            "due": 0,
            "pending": 0,
            "held": 0,
            "next_attempt_at": None,
        }

    async def test_a_planned_retry_leaves_the_shop_idle_but_not_settled(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(shop, receiver.url)
        await order(shop)
        new = await numbers(shop), await is_quiet(shop)
        clock.catch_up()
        await engine.claim()
        sending = await numbers(shop), await is_quiet(shop)
        clock.pass_seconds(LEASE.total_seconds())  # the lease of that worker has expired
        await engine.deliver()
        failed = await numbers(shop), await is_quiet(shop)

        assert new == ((0, 1, 1, 0), {"idle": False, "settled": False})
        assert sending == ((1, 0, 0, 0), {"idle": False, "settled": False})
        assert failed == ((0, 0, 1, 0), {"idle": True, "settled": False})
        [delivery] = (await read(shop, "/v1/deliveries"))["data"]
        found = await read(shop, "/v1/quiescence")
        assert found["next_attempt_at"] == delivery["next_attempt_at"]

    async def test_deliveries_of_a_paused_endpoint_are_held_and_the_shop_is_settled(
        self, shop: Shop
    ) -> None:
        endpoint_id = await register(shop)
        await order(shop)
        await shop.patch(f"/v1/webhooks/{endpoint_id}", json={"status": "paused"})

        assert await numbers(shop) == (0, 0, 1, 1)
        assert await is_quiet(shop) == {"idle": True, "settled": True}
        assert (await read(shop, "/v1/quiescence"))["next_attempt_at"] is None

    async def test_a_retry_after_holds_all_deliveries_of_its_endpoint(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status, receiver.headers = 429, {"Retry-After": "60"}
        await register(shop, receiver.url)
        for _ in range(2):
            await order(shop)
        clock.catch_up()
        await engine.deliver()

        found = await read(shop, "/v1/quiescence", level="settled")
        assert await numbers(shop) == (0, 0, 2, 2)
        assert await is_quiet(shop) == {"idle": True, "settled": False}
        assert found["next_attempt_at"] > (await order(shop))["created_at"]
        assert await numbers_elsewhere(shop) == await numbers(shop)

    async def test_an_open_breaker_holds_all_but_what_a_person_resends(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 500
        await register(shop, receiver.url)
        await fail_attempts(shop, engine, clock, BREAKER_FAILURES)
        [delivery_id] = (await order(shop))["delivery_ids"]
        total = BREAKER_FAILURES + 1
        held = await numbers(shop), await is_quiet(shop)

        await shop.post(f"/v1/deliveries/{delivery_id}/attempts")

        assert held == ((0, 0, total, total), {"idle": True, "settled": False})
        assert await numbers(shop) == (0, 1, total, total - 1)
        assert await is_quiet(shop) == {"idle": False, "settled": False}
        assert await numbers_elsewhere(shop) == await numbers(shop)

    async def test_every_page_shows_the_same_numbers(
        self, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        receiver.status = 503
        await register(shop, receiver.url)
        paused = await register(shop, "http://127.0.0.1:9001/paused")
        await shop.patch(f"/v1/webhooks/{paused}", json={"status": "paused"})
        for _ in range(3):
            await order(shop)
        clock.catch_up()
        await engine.deliver()
        await engine.claim()

        assert await numbers(shop) == (1, 1, 5, 3)
        assert await numbers_elsewhere(shop) == (1, 1, 5, 3)

    @pytest.mark.usefixtures("_no_polls")
    async def test_a_sandbox_is_quiet_while_others_are_not(self, live: httpx.AsyncClient) -> None:
        made = (await live.post("/v1/sandboxes", json={})).json()
        base_url = live.base_url.join(f"/s/{made['id']}/")
        async with httpx.AsyncClient(
            base_url=base_url, trust_env=False, timeout=MAX_WAIT_SECONDS
        ) as sandbox:
            await register(live)
            await live.post("/v1/orders", json=MUG)
            quiet = await read(sandbox, "/v1/quiescence", level="settled", strict=1)
            await register(sandbox)
            placed = (await sandbox.post("/v1/orders", json=MUG)).json()
            query = {"level": "settled", "wait": A_LONG_TIME}
            call = asyncio.create_task(read(sandbox, "/v1/quiescence", **query))
            await sandbox.post(f"/v1/deliveries/{placed['delivery_ids'][0]}/cancel")
            answer = await call

        assert quiet["pending"] == answer["pending"] == 0
        assert await numbers(live) == (0, 1, 1, 0)

    async def test_a_strict_call_says_what_is_still_to_be_sent(self, shop: Shop) -> None:
        await register(shop)
        await order(shop)

        answer = await shop.get("/v1/quiescence?wait=0.05&strict=1")

        assert answer.status_code == 504
        assert answer.json()["detail"].endswith("0 in flight, 1 due, 1 pending, 0 held")


async def numbers_elsewhere(shop: Shop) -> tuple[int, int, int, int]:
    """Return the same numbers from the metrics, after a look at overview and flow."""
    text = (await shop.get("/metrics")).text
    found = dict(re.findall(r"^(hookshop_\S+) ([\d.]+)$", text, flags=re.MULTILINE))
    in_flight, pending, due, held = (
        int(float(found[f"hookshop_{name}"]))
        for name in (
            'deliveries{state="sending"}',
            'deliveries{state="pending"}',
            "deliveries_due",
            "deliveries_held_back",
        )
    )
    overview = re.sub(r"\s+", " ", (await shop.get("/overview")).text)
    assert f"{in_flight} in flight, {due} due" in overview
    flow = re.sub(r"\s+", " ", (await shop.get("/flow")).text)
    for page in (overview, flow):
        assert sum(map(int, re.findall(r"(\d+) on hold \(", page)[:1])) == held
    return in_flight, due, pending, held


class TestWithRedis:
    @pytest.fixture
    def settings(self, tmp_path: Path, redis_url: str, shop_database_url: str | None) -> Settings:
        return Settings(
            HOOKSHOP_VAR=tmp_path,  # type: ignore[call-arg]
            redis_url=redis_url,
            database_url=shop_database_url,
        )

    @pytest.fixture
    async def frozen(self, redis_url: str) -> AsyncIterator[None]:
        async with Redis.from_url(redis_url) as redis:
            pid = (await redis.info("server"))["process_id"]
        os.kill(pid, signal.SIGSTOP)
        yield
        os.kill(pid, signal.SIGCONT)

    @pytest.mark.usefixtures("_no_polls")
    async def test_another_process_wakes_the_call(
        self, live: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        await self._settle_an_order(live, engine, clock, receiver)

    @pytest.mark.usefixtures("frozen")
    async def test_with_redis_frozen_the_answer_comes_within_about_a_second(
        self, live: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
    ) -> None:
        assert await self._settle_an_order(live, engine, clock, receiver) < 3

    async def _settle_an_order(
        self, live: httpx.AsyncClient, engine: Engine, clock: Clock, receiver: Receiver
    ) -> float:
        """Deliver an order while two calls wait for it. Return how long they took after that."""
        await register(live, receiver.url)
        placed = (await live.post("/v1/orders", json=MUG)).json()
        calls = [
            asyncio.create_task(read(live, path, wait=A_LONG_TIME))
            for path in (f"/v1/orders/{placed['id']}", "/v1/quiescence")
        ]
        clock.catch_up()
        await engine.deliver()
        delivered_at = time.monotonic()

        answers = await asyncio.gather(*calls)

        assert [answer["satisfied"] for answer in answers] == [True, True]
        return time.monotonic() - delivered_at


async def test_two_hundred_calls_leave_the_shop_quick_and_free_their_places(
    live: httpx.AsyncClient,
) -> None:
    await register(live)
    placed = (await live.post("/v1/orders", json=MUG)).json()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=live.base_url, trust_env=False, timeout=MAX_WAIT_SECONDS, limits=limits
    ) as waiters:
        path = f"/v1/orders/{placed['id']}"
        calls = [asyncio.create_task(read(waiters, path, wait=A_LONG_TIME)) for _ in range(200)]
        leaving, staying = calls[:100], calls[100:]

        async def all_have_asked() -> bool:
            return (await live.get("/healthz")).is_success and not any(
                call.done() for call in calls
            )

        await eventually(all_have_asked, "they wait")
        for call in leaving:
            call.cancel()
        page = await live.get("/overview")
        await live.post(f"/v1/deliveries/{placed['delivery_ids'][0]}/cancel")
        answers = await asyncio.gather(*staying)

    assert page.status_code == 200
    assert all(answer["satisfied"] for answer in answers)
