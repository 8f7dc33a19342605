"""Finds out when the applications serve; run by ``supervisor`` after it has started them."""

import asyncio
from collections.abc import Sequence

import httpx

from shop.demo.console import Console
from shop.demo.programs import Application

POLL_SECONDS = 0.1
LATE_SECONDS = 20.0


async def wait_until_serving(applications: Sequence[Application], console: Console) -> None:
    """Return when each application has answered its health check; name those that are late."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await asyncio.gather(*(_wait(each, client, console) for each in applications))


async def _wait(application: Application, client: httpx.AsyncClient, console: Console) -> None:
    clock = asyncio.get_running_loop().time
    url = f"{application.local_url}/healthz"
    late_at = clock() + LATE_SECONDS
    while not await _answers(client, url):
        if clock() >= late_at:
            console.say(f"still waiting for the {application.name} to answer {url}")
            late_at = clock() + LATE_SECONDS
        await asyncio.sleep(POLL_SECONDS)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        answer = await client.get(url)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK
