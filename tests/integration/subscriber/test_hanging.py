"""The address that never responds: it keeps a bounded number of connections open."""

import asyncio

import httpx
import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.web import receiver
from subscriber_app.web.receiver import HANGING
from tests.serving import free_port, serving
from tests.waiting import eventually

BOUND = 50


async def no_request_hangs() -> bool:
    return HANGING.count == 0


async def test_requests_beyond_the_bound_get_503_at_once_and_the_others_hang(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both ends of each connection are files of this process.
    monkeypatch.setattr(receiver, "MAX_HANGING_REQUESTS", BOUND)
    with free_port() as listening:
        async with (
            serving(create_app(settings), listening) as url,
            httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as sender,
        ):
            address = f"{url}/v1/new-purchase?hang"
            requests = [
                asyncio.create_task(sender.post(address, content=b"{}")) for _ in range(BOUND + 1)
            ]
            answered, hanging = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
            (refused,) = [each.result() for each in answered]
            held = HANGING.count
            for each in hanging:
                each.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

            assert refused.status_code == 503
            assert refused.headers["content-type"] == "application/problem+json"
            assert "try again then" in refused.json()["detail"]
            assert held == BOUND
            await eventually(no_request_hangs, "the end of all requests")
