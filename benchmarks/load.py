"""A client that posts as fast as it is answered, many requests at a time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Post:
    """What one request carries. ``body``: raw bytes."""

    headers: Mapping[str, str]
    body: bytes


ORDER = Post(
    {"Content-Type": "application/json"}, b'{"items": [{"product_id": "mug", "quantity": 1}]}'
)


def post_all(url: str, posts: Sequence[Post], *, at_once: int) -> float:
    """Post each once, ``at_once`` at a time, and return the seconds until the last answer."""
    return asyncio.run(_post_all(url, posts, at_once))


async def _post_all(url: str, posts: Sequence[Post], at_once: int) -> float:
    waiting = iter(posts)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def post_on() -> None:
            for each in waiting:  # shared by all, so each is posted once
                async with session.post(url, data=each.body, headers=each.headers) as answer:
                    text = await answer.text()
                    if not answer.ok:
                        raise SystemExit(f"{url} answered with {answer.status}: {text}")

        started = time.perf_counter()
        await asyncio.gather(*(post_on() for _ in range(at_once)))
        return time.perf_counter() - started
