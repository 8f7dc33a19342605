"""Make, list, read, change, drop and empty sandboxes through the JSON API."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from pydantic import SecretStr

from hookshop.webkit import sandboxes as webkit_sandboxes
from hookshop.webkit.sandbox_rules import ID_RULE
from shop.app import create_app
from shop.config import Settings
from shop.database.transactions import Database
from shop.sandboxes import registry
from tests.integration.shop.browsing import order, order_count, register
from tests.pages import opened
from tests.programs import async_client
from tests.serving import free_port, serving

Shop = AsyncTestClient[Litestar]
TOKEN = "correct horse battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MUG = {"items": [{"product_id": "mug", "quantity": 1}]}


async def make(shop: httpx.AsyncClient, headers: Any = None, **body: Any) -> dict[str, Any]:
    answer = await shop.post("/v1/sandboxes", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_sandbox_is_a_base_url(shop: Shop, settings: Settings) -> None:
    before = datetime.now(UTC)

    made = await make(shop, id="lesson-7")

    expires_at = datetime.fromisoformat(made.pop("expires_at"))
    created_at = datetime.fromisoformat(made.pop("created_at"))
    assert timedelta(hours=23) < expires_at - before < timedelta(hours=25)
    assert expires_at - created_at == timedelta(days=1)
    assert made == {
        "id": "lesson-7",
        "base_url": f"{settings.base_url}/s/lesson-7",
        "token": None,
        "retry_schedule": "0,2,4,8,15,30",
        "jitter": 0.2,
        "request_timeout_seconds": 10.0,
        "breaker_failures": 20,
        "disable_after_failures": 10,
    }


async def test_a_new_sandbox_is_empty_and_keeps_its_orders_to_itself(shop: Shop) -> None:
    await order(shop)
    await make(shop, id="lesson-7")

    placed = (await shop.post("/s/lesson-7/v1/orders", json=MUG)).json()

    assert (await shop.get("/s/lesson-7/v1/stats")).json()["orders"] == 1
    assert await order_count(shop) == 1
    assert (await shop.get(f"/v1/orders/{placed['id']}")).status_code == 404


async def test_without_a_body_its_id_cannot_be_guessed(shop: Shop) -> None:
    answer = await shop.post("/v1/sandboxes")

    assert answer.status_code == 201
    assert re.fullmatch(r"t-[a-z0-9]{10}", answer.json()["id"])
    assert answer.headers["cache-control"] == "no-store"


async def test_a_sandbox_has_the_settings_that_it_was_made_with(shop: Shop) -> None:
    own = {
        "retry_schedule": "0,0.2,0.2",
        "jitter": 0,
        "request_timeout_seconds": 0.5,
        "breaker_failures": 0,
        "disable_after_failures": 3,
    }

    made = await make(shop, id="lesson-7", expires_in_seconds=60, **own)

    read = (await shop.get("/v1/sandboxes/lesson-7")).json()
    assert {name: made[name] for name in own} == own
    assert read == {name: value for name, value in made.items() if name != "token"}


async def test_a_change_leaves_alone_what_it_does_not_name(shop: Shop) -> None:
    made = await make(shop, id="lesson-7", retry_schedule="standard", breaker_failures=5)

    answer = await shop.patch(
        "/v1/sandboxes/lesson-7", json={"breaker_failures": None, "expires_in_seconds": 3}
    )

    changed = answer.json()
    assert answer.status_code == 200
    assert changed["retry_schedule"] == "standard"
    assert changed["breaker_failures"] == 20  # that of the shop
    assert changed["expires_at"] < made["expires_at"]
    assert (await shop.get("/v1/sandboxes/lesson-7")).json() == changed


@pytest.mark.parametrize("sandbox_id", ["lesson-7", "main"])
async def test_an_id_that_is_taken_is_a_conflict(sandbox_id: str, shop: Shop) -> None:
    await make(shop, id="lesson-7")

    answer = await shop.post("/v1/sandboxes", json={"id": sandbox_id})

    assert answer.status_code == 409
    assert sandbox_id in answer.json()["detail"]


@pytest.mark.parametrize("sandbox_id", ["", "no", "Lesson", "a_b", "a/b", "x" * 41, "lesson-7\n"])
async def test_an_impossible_id_is_refused_with_the_rule(sandbox_id: str, shop: Shop) -> None:
    answer = await shop.post("/v1/sandboxes", json={"id": sandbox_id})

    assert answer.status_code == 422
    assert ID_RULE in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"retry_schedule": "soon"}, 422, "retry_schedule: expected demo or standard"),
        ({"retry_schedule": "0,-1"}, 422, "each delay must be from 0"),
        ({"jitter": 0.6}, 400, "<= 0.5"),
        ({"request_timeout_seconds": 0}, 400, "> 0"),
        ({"breaker_failures": -1}, 400, ">= 0"),
        ({"expires_in_seconds": 0}, 400, ">= 1"),
        ({"expires_in_seconds": 31 * 24 * 3600}, 400, "<= 2592000"),
        ({"name": "mine"}, 400, "name"),
    ],
)
async def test_a_setting_that_is_not_as_documented_makes_nothing(
    body: dict[str, Any], status: int, told: str, shop: Shop
) -> None:
    await make(shop, id="lesson-7")

    answers = [
        await shop.post("/v1/sandboxes", json=body),
        await shop.patch("/v1/sandboxes/lesson-7", json=body),
    ]

    assert [answer.status_code for answer in answers] == [status, status]
    assert [answer for answer in answers if told not in answer.json()["detail"]] == []
    assert len((await shop.get("/v1/sandboxes")).json()["data"]) == 1


async def test_the_list_has_the_newest_first_and_a_cursor(shop: Shop) -> None:
    for number in range(3):
        await make(shop, id=f"lesson-{number}")

    first = (await shop.get("/v1/sandboxes", params={"limit": 2})).json()
    rest = await shop.get("/v1/sandboxes", params={"cursor": first["next_cursor"]})
    bad = await shop.get("/v1/sandboxes", params={"cursor": "lesson-1"})

    assert [each["id"] for each in first["data"]] == ["lesson-2", "lesson-1"]
    assert [each["id"] for each in rest.json()["data"]] == ["lesson-0"]
    assert rest.json()["next_cursor"] is None
    assert bad.status_code == 400


async def test_a_dropped_sandbox_is_not_found_any_more_and_its_id_is_free(shop: Shop) -> None:
    await make(shop, id="lesson-7")
    await shop.post("/s/lesson-7/v1/orders", json=MUG)

    dropped = await shop.delete("/v1/sandboxes/lesson-7")

    again = [
        await shop.delete("/v1/sandboxes/lesson-7"),
        await shop.get("/v1/sandboxes/lesson-7"),
        await shop.patch("/v1/sandboxes/lesson-7", json={}),
        await shop.get("/s/lesson-7/v1/stats"),
    ]
    assert dropped.status_code == 204
    assert [answer.status_code for answer in again] == [404] * 4
    await make(shop, id="lesson-7")
    assert (await shop.get("/s/lesson-7/v1/stats")).json()["orders"] == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_main_is_none_of_the_sandboxes_that_can_be_changed(method: str, shop: Shop) -> None:
    body: Any = {"json": {}} if method == "PATCH" else {}

    answer = await shop.request(method, "/v1/sandboxes/main", **body)

    assert answer.status_code == 404


@pytest.mark.parametrize("prefix", ["", "/s/lesson-7"])
async def test_a_reset_empties_one_sandbox_and_no_other(prefix: str, shop: Shop) -> None:
    await make(shop, id="lesson-7")
    other = "" if prefix else "/s/lesson-7"
    for each in (prefix, other):
        await shop.post(f"{each}/v1/webhooks/register", json={"webhook_url": URL})
        await shop.post(f"{each}/v1/orders", json=MUG, headers={"Idempotency-Key": "4711"})

    answer = await shop.post(f"{prefix}/v1/sandbox/reset")

    assert answer.status_code == 200
    assert answer.json() == {"kept": []}
    assert await contents(shop, prefix) == (0, 0, 0)
    assert await contents(shop, other) == (1, 1, 1)


async def test_a_reset_can_keep_the_endpoints(shop: Shop) -> None:
    endpoint_id = await register(shop, URL)
    await order(shop)

    answer = await shop.post("/v1/sandbox/reset", json={"keep": ["endpoints"]})
    await order(shop)

    assert answer.json() == {"kept": ["endpoints"]}
    assert await contents(shop, "") == (1, 1, 1)
    assert (await shop.get(f"/v1/webhooks/{endpoint_id}")).status_code == 200


URL = "http://127.0.0.1:9001/hook"


async def contents(shop: Shop, prefix: str) -> tuple[int, int, int]:
    """Return the numbers of orders, deliveries and endpoints."""
    stats = (await shop.get(f"{prefix}/v1/stats")).json()
    deliveries = (await shop.get(f"{prefix}/v1/deliveries")).json()["data"]
    endpoints = (await shop.get(f"{prefix}/v1/webhooks")).json()["data"]
    return stats["orders"], len(deliveries), len(endpoints)


async def test_an_address_makes_a_limited_number_of_sandboxes_in_a_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webkit_sandboxes, "CREATIONS_PER_MINUTE", 2)
    async with AsyncTestClient(create_app(settings)) as shop:
        for _ in range(2):
            await make(shop)

        answer = await shop.post("/v1/sandboxes")

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_there_is_a_limit_on_all_sandboxes_that_the_answer_names(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"max_sandboxes": 1}))
    async with AsyncTestClient(app) as shop:
        await make(shop)

        answer = await shop.post("/v1/sandboxes")

    assert answer.status_code == 409
    assert "SHOP_MAX_SANDBOXES" in answer.json()["detail"]
    assert "drop some" in answer.json()["detail"]


@pytest.fixture
async def closed_shop(settings: Settings) -> AsyncIterator[Shop]:
    """A client without a token, of a shop that has one."""
    app = create_app(settings.model_copy(update={"admin_token": SecretStr(TOKEN)}))
    async with AsyncTestClient(app) as client:
        yield client


async def test_the_token_of_a_sandbox_opens_it_and_nothing_else(closed_shop: Shop) -> None:
    made = await make(closed_shop, BEARER, id="lesson-7")
    await make(closed_shop, BEARER, id="lesson-8")
    own = {"Authorization": f"Bearer {made['token']}"}

    opened_paths = ["/s/lesson-7/v1/stats", "/s/lesson-7/v1/orders/ord_1"]
    closed_paths = ["/v1/stats", "/s/lesson-8/v1/stats", "/v1/sandboxes", "/v1/sandboxes/lesson-7"]

    for path, status in [(opened_paths[0], 200), (opened_paths[1], 404)]:
        assert (await closed_shop.get(path, headers=own)).status_code == status
        assert (await closed_shop.get(path)).status_code == 401
    for path in closed_paths:
        assert (await closed_shop.get(path, headers=own)).status_code == 401, path
    assert (await closed_shop.post("/s/lesson-7/v1/sandbox/reset", headers=own)).status_code == 200
    assert (await closed_shop.delete("/v1/sandboxes/lesson-7", headers=own)).status_code == 401


async def test_a_dropped_sandbox_ends_its_streams_and_leaves_those_of_others(
    settings: Settings,
) -> None:
    app = create_app(settings)
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as shop,
        ):
            for sandbox_id in ("lesson-7", "lesson-8"):
                await make(shop, id=sandbox_id)
            async with (
                opened(shop, "/s/lesson-7/orders/live") as ended,
                opened(shop, "/s/lesson-8/orders/live") as other,
            ):
                await ended.next_message()
                await shop.delete("/v1/sandboxes/lesson-7")
                last = await ended.next_message()  # returns at the end of the stream
                await shop.post("/s/lesson-8/v1/orders", json={**MUG, "customer_name": "Grace"})
                await other.until("Grace")

            assert last.text == ""
            assert (await shop.get("/s/lesson-7/orders/live")).status_code == 404


async def test_a_reset_empties_the_open_pages_of_its_sandbox(settings: Settings) -> None:
    app = create_app(settings)
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as shop,
        ):
            await shop.post("/v1/orders", json={**MUG, "customer_name": "Grace"})
            async with opened(shop, "/orders/live") as page:
                await page.until("Grace")
                await shop.post("/v1/sandbox/reset")

                await page.until("No orders yet")


async def test_an_expired_sandbox_is_not_found(shop: Shop, database: Database) -> None:
    await make(shop, id="lesson-7")
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    async with database.writing() as session:
        await registry.change_settings(session, "lesson-7", {}, expires_at=long_ago, now=long_ago)

    answers = [await shop.get("/v1/sandboxes/lesson-7"), await shop.get("/s/lesson-7/")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await shop.get("/v1/sandboxes")).json()["data"] == []
