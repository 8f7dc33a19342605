"""Logins of both applications: stored in the database, and ended by a logout for every copy."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from hookshop.webkit import live
from tests.pages import Visitor
from tests.serving import free_port, serving
from tests.shared_apps import SharedApps
from tests.waiting import MAX_WAIT_SECONDS

TOKEN = "correct horse battery"
CLOSED = {"shop": "/endpoints", "subscriber": "/subscription"}


@dataclass(slots=True)
class World:
    """One application on a real port, which requires a login."""

    name: str
    url: str
    database: Path

    @asynccontextmanager
    async def visitor(
        self, cookies: httpx.Cookies | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            base_url=self.url, cookies=cookies, trust_env=False, timeout=30
        ) as client:
            yield client

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self.visitor() as client:
            page = await Visitor(client).submit("/login", "/login", admin_token=TOKEN)
            assert page.status == 303
            yield client

    @property
    def closed(self) -> str:
        return CLOSED[self.name]

    def sql(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(params=["shop", "subscriber"])
async def world(request: pytest.FixtureRequest, shared_apps: SharedApps) -> AsyncIterator[World]:
    app = shared_apps.of(request.param, admin_token=SecretStr(TOKEN))
    with free_port() as listening:
        async with serving(app, listening) as url:
            yield World(request.param, url, shared_apps.folder_of(app) / f"{request.param}.db")


async def test_a_copied_cookie_is_worthless_after_the_logout(world: World) -> None:
    async with world.admin() as admin, world.visitor(admin.cookies) as thief:
        before = await thief.get(world.closed)
        logout = await Visitor(admin).submit("/logout", "/login")
        after = await thief.get(world.closed)
        again = await admin.get(world.closed)

    assert logout.status == 303
    assert before.status_code == 200
    assert after.status_code == again.status_code == 303
    assert after.headers["location"].startswith("/login")


async def test_a_logout_ends_only_the_session_of_its_browser(world: World) -> None:
    async with world.admin() as one, world.admin() as other:
        await Visitor(one).submit("/logout", "/login")

        assert (await other.get(world.closed)).status_code == 200


async def test_logging_in_again_ends_the_session_before(world: World) -> None:
    async with world.admin() as admin, world.visitor(admin.cookies) as thief:
        await Visitor(admin).submit("/login", "/login", admin_token=TOKEN)

        assert (await admin.get(world.closed)).status_code == 200
        assert (await thief.get(world.closed)).status_code == 303


async def test_the_database_has_only_hashes_and_the_expiry(world: World) -> None:
    async with world.admin() as admin:
        [token] = [value for name, value in admin.cookies.items() if "_session_" in name]

    [(token_hash, created_at, expires_at)] = world.sql("SELECT * FROM login_session")
    assert len(token_hash) == 64
    assert token not in token_hash
    assert created_at < expires_at
    assert token.encode() not in b"".join(
        file.read_bytes() for file in world.database.parent.glob(f"{world.database.name}*")
    )


async def test_an_expired_session_is_refused_and_deleted_at_the_next_login(world: World) -> None:
    async with world.admin() as admin:
        world.sql("UPDATE login_session SET expires_at = '2020-01-01 00:00:00.000000'")
        refused = await admin.get(world.closed)
    async with world.admin():
        rows = world.sql("SELECT * FROM login_session")

    assert refused.status_code == 303
    assert len(rows) == 1


@pytest.mark.parametrize("cookie", ["", "x", "null", "x" * 5000, "\u00fc"])
async def test_an_invented_cookie_opens_nothing(cookie: str, world: World) -> None:
    async with world.admin() as admin:
        [name] = [name for name in admin.cookies if "_session_" in name]
    async with world.visitor() as visitor:
        headers = {b"Cookie": f"{name}={cookie}".encode()}
        answer = await visitor.get(world.closed, headers=headers)

    assert answer.status_code == 303


async def test_browsers_store_no_closed_page(world: World) -> None:
    async with world.admin() as admin, world.visitor() as customer:
        closed = await admin.get(world.closed)
        refused = await customer.get(world.closed)
        opened = await admin.get("/")
        login = await customer.get("/login")
        style = await admin.get("/static/css/base.css")

    for answer in (closed, refused, opened):
        assert answer.headers.get_list("cache-control") == ["no-store"]
    assert "no-store" not in login.headers.get("cache-control", "")
    assert "no-store" not in style.headers.get("cache-control", "")


async def test_a_logout_ends_the_streams_of_its_session(world: World) -> None:
    async with world.admin() as admin, world.visitor(admin.cookies) as reader:
        async with reader.stream("GET", f"{world.closed}/live") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            await Visitor(admin).submit("/logout", "/login")

            await read_to_the_end(lines)
        asked_again = await reader.get(f"{world.closed}/live")

    assert asked_again.status_code == 401


async def test_a_logout_at_another_process_ends_streams_at_the_next_keep_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    async with world.admin() as admin, admin.stream("GET", f"{world.closed}/live") as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        world.sql("DELETE FROM login_session")

        await read_to_the_end(lines)


async def read_to_the_end(lines: AsyncIterator[str]) -> None:
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        async for _line in lines:
            pass


async def test_the_stream_of_a_closed_page_answers_401_instead_of_the_login(world: World) -> None:
    async with world.visitor() as visitor:
        answer = await visitor.get(f"{world.closed}/live")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "log in again" in answer.json()["detail"]
