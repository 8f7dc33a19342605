import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from shop.redis.change_feed import Change, ChangeFeed
from tests.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.one_database("needs Redis alone")

DELIVERY = Change("delivery", "dlv_1", order_id="ord_1")
NOT_THERE = "unix:///nonexistent/redis.sock"


@asynccontextmanager
async def feed(redis_url: str) -> AsyncIterator[ChangeFeed]:
    """A change feed as in a web process."""
    feed = ChangeFeed(redis_url)
    listening = asyncio.create_task(feed.listen())
    try:
        yield feed
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await feed.close()


async def test_an_announcement_reaches_other_processes(redis_url: str) -> None:
    async with feed(redis_url) as web, feed(redis_url) as worker:
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {
                Change.everything()
            }  # now connected

            await worker.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {DELIVERY}


async def test_a_missed_announcement_is_made_up_for(redis_url: str) -> None:
    async with (
        feed(redis_url) as web,
        feed(redis_url) as worker,
        Redis.from_url(redis_url) as redis,
    ):
        with web.subscribe() as stream:
            assert await stream.next_changes(MAX_WAIT_SECONDS) == {
                Change.everything()
            }  # now connected
            await redis.execute_command("CLIENT", "PAUSE", "1000")

            await worker.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {Change.everything()}


async def test_without_redis_a_process_still_updates_its_own_streams() -> None:
    async with feed(NOT_THERE) as web:
        with web.subscribe() as stream:
            await web.announce(DELIVERY)

            assert await stream.next_changes(MAX_WAIT_SECONDS) == {DELIVERY}
