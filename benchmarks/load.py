"""A client that posts as fast as it is answered, many requests at a time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

TIMEOUT_SECONDS = 60
# A request that meets a busy server is made again, as a customer would; not for ever.
MAX_TRIES = 50
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Post:
    """What one request carries. ``body``: raw bytes."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Load:
    """What became of the posts. ``seconds``: until the last answer.

    ``refused``: how many answers said that the server failed or was busy (5xx).
    """

    seconds: float = 0
    refused: int = 0


ORDER = Post(
    {"Content-Type": "application/json"}, b'{"items": [{"product_id": "mug", "quantity": 1}]}'
)


def post_all(url: str, posts: Sequence[Post], *, at_once: int) -> Load:
    """Post each until it is accepted, ``at_once`` at a time.

    Raise ``RuntimeError`` when one is refused for what it is (4xx), or again and again.
    """
    return asyncio.run(_post_all(url, posts, at_once))


async def _post_all(url: str, posts: Sequence[Post], at_once: int) -> Load:
    load, waiting = Load(), iter(posts)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def post_on() -> None:
            for post in waiting:  # shared by all, so each is posted once
                load.refused += await _post(session, url, post)

        started = time.perf_counter()
        await asyncio.gather(*(post_on() for _ in range(at_once)))
        load.seconds = time.perf_counter() - started
    return load


async def _post(session: aiohttp.ClientSession, url: str, post: Post) -> int:
    """Return how often it was refused before it was accepted."""
    answer = ""
    for refused in range(MAX_TRIES):
        async with session.post(url, data=post.body, headers=post.headers) as response:
            answer = f"{response.status}: {await response.text()}"
            if response.ok:
                return refused
            if response.status < 500:
                break
        await asyncio.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"{url} answered with {answer}")
