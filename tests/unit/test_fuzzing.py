"""The fuzzer finds the parameters of the applications, and new ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from msgspec import Struct

from tests.fuzzing import Asked, Fuzzer, Route, living, routes_of


class Period(Struct):
    until: datetime | None = None


@get("/declared")
async def declared(until: FromQuery[datetime | None] = None) -> str:
    return str(until and until + timedelta(seconds=1))


@get("/read")
async def read(request: Request[Any, Any, Any]) -> str:
    if "until" not in request.query_params:
        return ""
    return str(datetime.fromisoformat("9999-12-31") if request.query_params["until"] else 1 / 0)


@get("/path/{name:str}")
async def path(name: FromPath[str]) -> str:
    return open(name).read() if "\x00" in name else name  # noqa: ASYNC230, PTH123


@post("/form")
async def form(request: Request[Any, Any, Any]) -> str:
    return str(int((await request.form()).get("quantity", "1")))


@post("/v1/body")
async def body(data: JSONBody[Period]) -> str:
    return str(data.until and data.until + timedelta(seconds=1))


@get("/endless")
async def endless() -> Stream:
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await asyncio.sleep(0)

    return Stream(ticks())


@pytest.fixture
def fuzzer() -> Iterator[Fuzzer]:
    app = Litestar([declared, read, path, form, body, endless], openapi_config=None)
    with living(app) as run:
        yield Fuzzer(app, run, {}, ("", ""))


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route("GET", "/declared"), "until=9999-12-31T23%3A59%3A59"),
        (Route("GET", "/read"), "until="),
        (Route("GET", "/path/{name:str}"), "/path/%00"),
        (Route("POST", "/form"), "quantity=9999-12-31"),
        (Route("POST", "/v1/body"), '{"until": "9999-12-31T23:59:59"}'),
    ],
    ids=str,
)
def test_a_parameter_that_breaks_its_handler_is_found(
    route: Route, told: str, fuzzer: Fuzzer
) -> None:
    learned = fuzzer.learn(route)

    broken = [asked for asked in fuzzer.one_by_one(route, learned) if fuzzer.ask(asked) == 500]

    assert any(told in str(asked) for asked in broken)


def test_every_route_is_covered(fuzzer: Fuzzer) -> None:
    found = routes_of(fuzzer.app, ("GET", "POST"))

    assert [str(route) for route in found] == [
        "GET /declared",
        "GET /endless",
        "GET /path/{name:str}",
        "GET /read",
        "POST /form",
        "POST /v1/body",
    ]


def test_of_an_endless_response_only_the_beginning_is_read(fuzzer: Fuzzer) -> None:
    assert fuzzer.ask(Asked("GET", "/endless")) == 200
