"""An HTTP client that sends posts with a given concurrency, as fast as the server responds."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

TIMEOUT_SECONDS = 60
# A request is retried when the server is busy, as a customer would.
MAX_TRIES = 50
RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Post:
    """The content of one request. ``body``: raw bytes."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Load:
    """The result. ``seconds``: until the last response.

    ``retries``: the number of responses with 5xx, after which a post was repeated.
    """

    seconds: float = 0
    retries: int = 0


ORDER = Post(
    {"Content-Type": "application/json"}, b'{"items": [{"product_id": "mug", "quantity": 1}]}'
)


def post_all(url: str, posts: Sequence[Post], *, concurrency: int) -> Load:
    """Send each post until it is accepted, ``concurrency`` at a time.

    Raise ``RuntimeError`` for a response with 4xx, or after ``MAX_TRIES`` responses with 5xx.
    """
    return asyncio.run(_post_all(url, posts, concurrency))


async def _post_all(url: str, posts: Sequence[Post], concurrency: int) -> Load:
    load, waiting = Load(), iter(posts)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def send_next() -> None:
            for post in waiting:  # shared by all, so each is sent once
                load.retries += await _post(session, url, post)

        started = time.perf_counter()
        await asyncio.gather(*(send_next() for _ in range(concurrency)))
        load.seconds = time.perf_counter() - started
    return load


async def _post(session: aiohttp.ClientSession, url: str, post: Post) -> int:
    """Send one post until it is accepted, and return the number of retries."""
    answer = ""
    for retries in range(MAX_TRIES):
        async with session.post(url, data=post.body, headers=post.headers) as response:
            answer = f"{response.status}: {await response.text()}"
            if response.ok:
                return retries
            if response.status < 500:
                break
        await asyncio.sleep(RETRY_SECONDS)
    raise RuntimeError(f"{url} answered with {answer}")
