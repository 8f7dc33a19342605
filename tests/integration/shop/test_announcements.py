import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis

from shop.announcements import Change, ChangeFeed

DELIVERY = Change("delivery", "dlv_1", order_id="ord_1")
PATIENCE = 10.0
NOT_THERE = "unix:///nonexistent/redis.sock"


@asynccontextmanager
async def feed(redis_url: str) -> AsyncIterator[ChangeFeed]:
    """A feed as it runs in a web process."""
    feed = ChangeFeed(redis_url)
    listening = asyncio.create_task(feed.listen())
    try:
        yield feed
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await feed.close()


async def test_what_one_process_announces_another_hears(redis_url: str) -> None:
    async with feed(redis_url) as web, feed(redis_url) as worker, web.subscribe() as stream:
        assert await stream.next_changes(PATIENCE) == {Change.everything()}  # now connected

        await worker.announce(DELIVERY)

        assert await stream.next_changes(PATIENCE) == {DELIVERY}


async def test_a_change_announced_many_times_is_read_once(redis_url: str) -> None:
    async with feed(redis_url) as web, web.subscribe() as stream:
        for _ in range(50):
            web._hand_out([DELIVERY])  # noqa: SLF001 – as if heard from elsewhere
        changes = await stream.next_changes(PATIENCE)

        assert DELIVERY in changes
        assert len(changes) <= 2


async def test_what_could_not_be_announced_is_made_up_for(redis_url: str) -> None:
    async with (
        feed(redis_url) as web,
        feed(redis_url) as worker,
        web.subscribe() as stream,
        Redis.from_url(redis_url) as redis,
    ):
        assert await stream.next_changes(PATIENCE) == {Change.everything()}  # now connected
        await redis.execute_command("CLIENT", "PAUSE", "1000")

        await worker.announce(DELIVERY)

        assert await stream.next_changes(PATIENCE) == {Change.everything()}


async def test_without_redis_a_process_still_tells_its_own_streams() -> None:
    async with feed(NOT_THERE) as web, web.subscribe() as stream:
        await web.announce(DELIVERY)

        assert await stream.next_changes(PATIENCE) == {DELIVERY}


async def test_no_news_is_an_empty_answer_after_the_time_given() -> None:
    async with feed(NOT_THERE) as web, web.subscribe() as stream:
        assert await stream.next_changes(0.01) == frozenset()


async def test_a_closed_stream_hears_nothing_more() -> None:
    async with feed(NOT_THERE) as web:
        async with web.subscribe() as stream:
            pass
        await web.announce(DELIVERY)

        assert await stream.next_changes(0.01) == frozenset()


async def test_the_end_of_the_process_ends_every_stream() -> None:
    async with feed(NOT_THERE) as web, web.subscribe() as stream:
        web.end_streams()

        await stream.next_changes(PATIENCE)
        assert stream.is_over
