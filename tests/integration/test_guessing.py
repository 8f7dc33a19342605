"""Both applications slow down guessing of the admin token, for one address only."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar
from pydantic import SecretStr

from hookshop.webkit.login_brake import FREE_FAILURES, LoginBrake
from tests.integration.subscriber.conftest import started
from tests.pages import Page, Visitor
from tests.shared_apps import SharedApps

TOKEN = "correct horse battery"
GUESSER = "192.0.2.66"
SOMEBODY_ELSE = "192.0.2.1"
API = "/v1/stats"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["shop", "subscriber"])
async def app(
    request: pytest.FixtureRequest,
    shared_apps: SharedApps,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Litestar]:
    app = shared_apps.of(request.param, admin_token=SecretStr(TOKEN))
    for brake in ("login_brake", "token_brake"):
        monkeypatch.setattr(app.state, brake, LoginBrake(clock))
    async with started(app):
        yield app


@asynccontextmanager
async def client_at(app: Litestar, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 12345))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def log_in(client: httpx.AsyncClient, token: str) -> Page:
    return await Visitor(client).submit("/login", "/login", admin_token=token)


async def call(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get(API, headers={"Authorization": f"Bearer {token}"})


async def test_after_five_wrong_logins_one_address_has_to_wait(
    app: Litestar, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_at(app, GUESSER) as guesser, client_at(app, SOMEBODY_ELSE) as other:
        wrong = [(await log_in(guesser, "wrong")).status for _ in range(FREE_FAILURES)]
        too_early = await log_in(guesser, TOKEN)
        of_the_other = await log_in(other, TOKEN)
        clock.now += 1
        in_time = await log_in(guesser, TOKEN)

    assert wrong == [422] * FREE_FAILURES
    assert too_early.status == 429
    assert too_early.answer.headers["retry-after"] == "1"
    assert "Try again in 1 s" in too_early.text
    assert of_the_other.status == in_time.status == 303
    [line] = [each for each in caplog.records if "wrong admin tokens" in each.message]
    assert line.levelno == logging.WARNING
    assert GUESSER in line.message
    assert "wrong" not in line.message.replace("wrong admin tokens", "")


async def test_the_wait_grows_with_each_wrong_login(app: Litestar, clock: Clock) -> None:
    waits = []
    async with client_at(app, GUESSER) as guesser:
        for _ in range(FREE_FAILURES - 1):
            await log_in(guesser, "wrong")
        for _ in range(4):
            await log_in(guesser, "wrong")
            waits.append(int((await log_in(guesser, "wrong")).answer.headers["retry-after"]))
            clock.now += waits[-1]

    assert waits == [1, 2, 4, 8]


async def test_tokens_cannot_be_guessed_through_the_api_instead(
    app: Litestar, clock: Clock
) -> None:
    async with client_at(app, GUESSER) as guesser, client_at(app, SOMEBODY_ELSE) as other:
        wrong = [(await call(guesser, f"guess {n}")).status_code for n in range(FREE_FAILURES)]
        too_early = await call(guesser, TOKEN)
        of_the_other = await call(other, TOKEN)
        login_there = await log_in(guesser, TOKEN)
        clock.now += 1
        in_time = await call(guesser, TOKEN)

    assert wrong == [401] * FREE_FAILURES
    assert too_early.status_code == 429
    assert too_early.headers["retry-after"] == "1"
    assert too_early.headers["content-type"] == "application/problem+json"
    assert of_the_other.status_code == in_time.status_code == 200
    assert login_there.status == 303


async def test_a_program_with_an_outdated_token_locks_nobody_out(app: Litestar) -> None:
    async with client_at(app, GUESSER) as same_address:
        outdated = [(await call(same_address, "outdated")).status_code for _ in range(20)]
        right = await call(same_address, TOKEN)

    assert outdated == [401] * 20
    assert right.status_code == 200


@pytest.mark.parametrize("app", ["shop"], indirect=True)
async def test_tokens_cannot_be_guessed_where_the_api_is_open_to_customers(app: Litestar) -> None:
    async with client_at(app, GUESSER) as guesser:
        mug = {"items": [{"product_id": "mug", "quantity": 1}]}
        order_id = (await guesser.post("/v1/orders", json=mug)).json()["id"]
        path = f"/v1/orders/{order_id}"
        guesses = [{"Authorization": f"Bearer guess {n}"} for n in range(FREE_FAILURES + 1)]

        statuses = [(await guesser.get(path, headers=each)).status_code for each in guesses]
        as_customer = await guesser.get(path)

    assert statuses == [200] * FREE_FAILURES + [429]
    assert as_customer.status_code == 200
