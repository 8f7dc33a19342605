"""A public address is examined only after it has shown the token of the run."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shop.exam import ownership
from shop.exam.ownership import PATH, require_ownership
from shop.exam.run import NotReached
from shop.exam.sender import Sender
from shop.webhooks.rules.url_policy import UrlPolicy

pytestmark = pytest.mark.one_database("needs the network alone")

TOKEN = "hookshop-exam-abc"
URL = "http://public.example.com/hook"


@asynccontextmanager
async def public_host(shown: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Let a public name lead to a server of the test. Yield the lines that it was asked with."""
    asked: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.partition(b"\r\n")[0].decode())
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(shown)}\r\n\r\n{shown}".encode())
        writer.close()
        await writer.wait_closed()

    async def resolve(_host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port, connect = server.sockets[0].getsockname()[1], asyncio.open_connection

    async def connect_here(_host: str, _port: int, **options: Any) -> Any:
        return await connect("127.0.0.1", port, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(asyncio, "open_connection", connect_here)
    try:
        yield asked
    finally:
        server.close()


async def test_a_host_that_shows_the_token_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    async with public_host(f"{TOKEN}\n", monkeypatch) as asked:
        await require_ownership(Sender(UrlPolicy()), URL, token=TOKEN, say=said.append)

    assert asked == [f"GET {PATH} HTTP/1.1"]
    assert TOKEN in said[0]
    assert f"http://public.example.com{PATH}" in said[0]


async def test_a_host_that_does_not_show_it_gets_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ownership, "MAX_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(ownership, "POLL_SECONDS", 0.05)

    async with public_host("hookshop-exam-of-another-run", monkeypatch) as asked:
        with pytest.raises(NotReached, match="did not show the token"):
            await require_ownership(Sender(UrlPolicy()), URL, token=TOKEN, say=lambda _text: None)

    assert set(asked) == {f"GET {PATH} HTTP/1.1"}


async def test_an_address_of_this_machine_needs_no_token() -> None:
    said: list[str] = []

    await require_ownership(
        Sender(UrlPolicy()), "http://127.0.0.1:9000/hook", token=TOKEN, say=said.append
    )

    assert said == []
