"""Every route of the shop, requested in one sandbox with the ids of another one and of main.

Nothing of theirs is shown or changed, an id of theirs is 404, and each statement that reaches the
database has a condition on the sandbox.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from litestar import Litestar

from hookshop.webkit.times import utc_now
from shop.app import create_app
from shop.config import Settings
from shop.database.bound_sandbox import bound_to
from shop.database.transactions import Database
from shop.sandboxes import registry
from tests.fuzzing import Learned, Route, learning, routes_of
from tests.integration.shop.conftest import Clock, Engine
from tests.integration.shop.exams import exam_run, store
from tests.integration.shop.sandbox_conditions import (
    TABLES,
    unconditional_statements,
    without_condition,
)
from tests.pages import Visitor
from tests.programs import async_client
from tests.receiver import Receiver
from tests.serving import free_port, serving
from tests.who_may_see_what import METHODS, body_of

MUG = {"items": [{"product_id": "mug", "quantity": 1}]}
KEY = {"Idempotency-Key": "order-4711"}
HERE = "/s/lesson-b"
IDS_OF_ROWS = {"order_id", "delivery_id", "endpoint_id", "exam_id"}
# Valid values for forms and bodies, so that only the ids are wrong.
FIELDS = {
    "product_id": "mug",
    "quantity": "2",
    "customer_name": "Bob",
    "status": "paused",
    "state": "off",
    "period": "all",
    "grace": "none",
    "theme": "dark",
    "name": "scorecard.json",
    "webhook_url": "http://127.0.0.1:9009/of-b",
    "event_types": "purchase.created",
}
BODIES: Mapping[str, Any] = {
    "/v1/exams/{exam_id:str}/effects": {"message_id": "msg_1"},
    "/v1/orders": MUG,
    "/v1/webhooks/register": {"webhook_url": "http://127.0.0.1:9010/of-b"},
    "/v1/webhooks/{endpoint_id:str}": {"description": "changed"},
    "/v1/webhooks/{endpoint_id:str}/recover": {"since": "2026-01-01T00:00:00Z"},
}
# Not in a sandbox: one for all, or the list of sandboxes, which is in main.
NOT_IN_SANDBOXES = re.compile(r"/(healthz|metrics|static/.*|v1/sandboxes.*|sandboxes.*)")


@dataclass(frozen=True, slots=True)
class Shopfront:
    """The rows of one sandbox. ``prefix``: of its addresses. ``marks``: texts of it alone."""

    prefix: str
    ids: dict[str, str]
    marks: tuple[str, ...]


@dataclass(slots=True)
class World:
    """A running shop with rows in main, in the sandbox A and in the sandbox B."""

    app: Litestar
    client: httpx.AsyncClient
    a: Shopfront
    main: Shopfront
    b: Shopfront
    number_of_b: int
    csrf: str = ""
    shown: dict[str, str] = field(default_factory=dict)

    async def request(
        self, route: Route, ids: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a request in B. Return status and body, of a stream the first message."""
        content: dict[str, Any] = {"params": dict(query or {})}
        if route.method == "POST" and not route.path.startswith("/v1/"):
            content["data"] = {**FIELDS, **ids, "_csrf_token": self.csrf}
        elif route.path in BODIES and route.method != "GET":
            content["json"] = BODIES[route.path]
        values = {**FIELDS, **ids, "file_path": "css/base.css", "sandbox_id": "lesson-a"}
        address = HERE + route.filled({name: values[name] for name in route.path_parameters})
        request = self.client.build_request(route.method, address, **content)
        answer = await self.client.send(request, stream=True)
        try:
            return answer.status_code, f"{answer.headers}\n{await body_of(answer)}"
        finally:
            await answer.aclose()


async def stock(client: httpx.AsyncClient, prefix: str, name: str, url: str) -> dict[str, Any]:
    """Register an endpoint, and place an order with the key that all sandboxes use."""
    endpoint = {"webhook_url": url, "description": f"endpoint-of-{name}"}
    registered = (await client.post(f"{prefix}/v1/webhooks/register", json=endpoint)).json()
    order = {**MUG, "customer_name": f"customer-of-{name}"}
    placed = (await client.post(f"{prefix}/v1/orders", json=order, headers=KEY)).json()
    return {"endpoint": registered, "order": placed, "name": name}


def shopfront(prefix: str, stocked: dict[str, Any]) -> Shopfront:
    endpoint, order, name = stocked["endpoint"], stocked["order"], stocked["name"]
    ids = {
        "endpoint_id": endpoint["id"],
        "order_id": order["id"],
        "delivery_id": order["delivery_ids"][0],
        "message_id": order["message_ids"][0],
        "exam_id": stocked["exam_id"],
    }
    marks = (f"endpoint-of-{name}", f"customer-of-{name}", endpoint["secret_id"], *ids.values())
    return Shopfront(prefix, ids, marks)


@pytest.fixture
async def world(
    settings: Settings, database: Database, engine: Engine, clock: Clock, receiver: Receiver
) -> AsyncIterator[World]:
    app = create_app(settings)
    receiver.status = 500
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as client,
        ):
            for sandbox_id in ("lesson-a", "lesson-b"):
                await client.post("/v1/sandboxes", json={"id": sandbox_id})
            stocked = {
                name: await stock(client, prefix, name, receiver.url)
                for name, prefix in (("a", "/s/lesson-a"), ("main", ""), ("b", HERE))
            }
            clock.catch_up()
            await engine.deliver(limit=3)
            async with database.reading() as session:
                found = await registry.find(session, "lesson-b", now=utc_now())
            assert found is not None
            assert found.number is not None
            for name, number in (("a", found.number - 1), ("main", 0), ("b", found.number)):
                with bound_to(number):
                    stocked[name]["exam_id"] = await store(database, exam_run())
            yield World(
                app,
                client,
                shopfront("/s/lesson-a", stocked["a"]),
                shopfront("", stocked["main"]),
                shopfront(HERE, stocked["b"]),
                found.number,
                (await Visitor(client).get(f"{HERE}/cart")).values["_csrf_token"][0],
            )


def in_order(app: Litestar) -> list[Route]:
    """Return all routes; first those that change nothing, last those that empty the sandbox."""
    return sorted(
        routes_of(app, METHODS),
        key=lambda route: (route.path.endswith("/reset"), route.method != "GET", str(route)),
    )


def foreign_ids(world: World) -> Iterator[Shopfront]:
    yield from (world.a, world.main)


async def test_nothing_of_another_sandbox_is_found_or_changed_by_any_route(world: World) -> None:
    before = [await everything(world, each) for each in foreign_ids(world)]
    wrong: list[str] = []

    with unconditional_statements(world.number_of_b) as found:
        for route in in_order(world.app):
            for foreign in foreign_ids(world):
                wrong += await trespass(world, route, foreign)

    after = [await everything(world, each) for each in foreign_ids(world)]
    checked = set(found.pop(""))
    assert wrong == []
    assert found == {}
    assert after == before
    assert checked == set(TABLES)  # or else the net would prove little


async def trespass(world: World, route: Route, foreign: Shopfront) -> list[str]:
    """Request a route of B with the ids of another sandbox. Return what is wrong."""
    learned = Learned()
    with learning(learned):
        status, shown = await world.request(route, foreign.ids)
    answers = {"": (status, shown)}
    if route.method == "GET" and status == 200:
        for name in sorted(learned.query | {"order_id"}):
            for value in foreign.ids.values():
                answers[f"{name}={value}"] = await world.request(route, {}, {name: value})
    problems = []
    if NOT_IN_SANDBOXES.fullmatch(route.path) or IDS_OF_ROWS & set(route.path_parameters):
        problems += [f"{route}: {status}"] if status != 404 else []
    for query, (status_now, shown_now) in answers.items():
        if status_now in {500, 503}:
            problems.append(f"{route}?{query}: {status_now}")
        problems += [
            f"{route}?{query} shows {mark}"
            for mark in foreign.marks
            # What was asked for may be named in the answer.
            if mark in shown_now.replace(query.partition("=")[2] or "\0", "")
            and not _is_echo(mark, foreign, route)
        ]
    return problems


def _is_echo(mark: str, foreign: Shopfront, route: Route) -> bool:
    """Return whether the address itself has the mark, so that links on an error page may."""
    return any(foreign.ids.get(name) == mark for name in route.path_parameters)


async def everything(world: World, front: Shopfront) -> list[Any]:
    ids = front.ids
    paths = (
        "/v1/webhooks",
        f"/v1/webhooks/{ids['endpoint_id']}",
        f"/v1/deliveries/{ids['delivery_id']}",
        f"/v1/orders/{ids['order_id']}",
        "/v1/deliveries",
        "/v1/stats",
    )
    answers = [await world.client.get(front.prefix + path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


async def test_what_is_hidden_in_another_sandbox_is_shown_in_its_own(world: World) -> None:
    texts = [
        (await world.client.get(world.a.prefix + path)).text
        for path in (
            "/orders",
            "/endpoints",
            "/v1/deliveries",
            "/exam",
            "/v1/orders/" + world.a.ids["order_id"],
        )
    ]

    shown = "".join(texts)
    assert [mark for mark in world.a.marks if mark not in shown and "sec_" not in mark] == []


async def test_one_key_is_one_order_in_each_sandbox(world: World) -> None:
    orders = {
        front.prefix: (
            await world.client.post(
                f"{front.prefix}/v1/orders",
                json={**MUG, "customer_name": front.marks[1]},
                headers=KEY,
            )
        ).json()["id"]
        for front in (world.a, world.main, world.b)
    }

    assert orders == {
        front.prefix: front.ids["order_id"] for front in (world.a, world.main, world.b)
    }
    assert len(set(orders.values())) == 3


async def test_one_url_is_registered_once_in_each_sandbox(world: World, receiver: Receiver) -> None:
    answers = [
        await world.client.post(
            f"{front.prefix}/v1/webhooks/register", json={"webhook_url": receiver.url}
        )
        for front in (world.a, world.main, world.b)
    ]

    told = [(answer.status_code, answer.json()["endpoint_id"]) for answer in answers]
    assert told == [(409, front.ids["endpoint_id"]) for front in (world.a, world.main, world.b)]


async def test_each_sandbox_counts_its_own(world: World) -> None:
    await world.client.post("/s/lesson-a/v1/orders", json=MUG)

    stats = [
        (await world.client.get(f"{front.prefix}/v1/stats")).json()
        for front in (world.a, world.main, world.b)
    ]

    assert [each["orders"] for each in stats] == [2, 1, 1]
    assert [sum(each["deliveries"].values()) for each in stats] == [2, 1, 1]


async def test_the_openapi_document_names_the_sandbox_as_its_server(world: World) -> None:
    servers = [
        (await world.client.get(f"{front.prefix}/schema/openapi.json")).json()["servers"]
        for front in (world.a, world.main, world.b)
    ]

    assert servers == [[{"url": "/s/lesson-a"}], [{"url": "/"}], [{"url": HERE}]]


async def test_a_bulk_resend_and_a_recovery_stay_in_their_sandbox(world: World) -> None:
    visitor, path = Visitor(world.client), f"/v1/webhooks/{world.b.ids['endpoint_id']}/recover"
    before = [await everything(world, each) for each in foreign_ids(world)]

    resent = await visitor.submit(f"{HERE}/deliveries/retry", f"{HERE}/deliveries/retry")
    since = {"since": "2026-01-01T00:00:00Z"}
    recovered = (await world.client.post(HERE + path, json=since)).json()

    assert resent.status == 303
    assert recovered["count"] == 1
    assert [await everything(world, each) for each in foreign_ids(world)] == before


BOTH = ["message", "delivery"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT shop_order.id FROM shop_order WHERE +shop_order.sandbox = ?", []),
        ("SELECT shop_order.id, shop_order.sandbox FROM shop_order", ["shop_order"]),
        ("SELECT 1 FROM delivery AS d WHERE d.sandbox = $1::INTEGER", []),
        ("SELECT 1 FROM delivery AS d WHERE delivery.sandbox = ?", ["d"]),
        ("SELECT 1 FROM message JOIN delivery ON 1 = 1 WHERE message.sandbox = ?", ["delivery"]),
        ("DELETE FROM message WHERE message.id = ? AND NOT EXISTS (SELECT 1 FROM delivery)", BOTH),
        ("UPDATE endpoint SET status=? WHERE endpoint.status = ?", ["endpoint"]),
        ("UPDATE endpoint SET status=? WHERE endpoint.id = ?", []),
        ("SELECT 1 FROM sandbox WHERE sandbox.id = ?", []),
    ],
)
@pytest.mark.one_database("is about the test itself")
def test_the_net_finds_each_table_without_a_condition(statement: str, expected: list[str]) -> None:
    assert without_condition(statement) == expected
