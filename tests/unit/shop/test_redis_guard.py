"""An order waits only briefly for an unresponsive Redis, and the next one does not wait."""

import asyncio

import pytest

from shop.redis.guard import RedisGuard


async def ask_in_vain(patience: RedisGuard) -> None:
    async with patience.bounded():
        await asyncio.Event().wait()


async def ask(patience: RedisGuard) -> bool:
    async with patience.bounded():
        return True


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        await ask_in_vain(RedisGuard(0.01))


async def test_who_asks_right_after_that_does_not_wait_at_all() -> None:
    patience = RedisGuard(0.01, cooldown=60)
    with pytest.raises(TimeoutError):
        await ask_in_vain(patience)

    with pytest.raises(TimeoutError, match="a moment ago"):
        await ask(patience)


async def test_after_a_rest_it_is_asked_again() -> None:
    patience = RedisGuard(0.01, cooldown=0)
    with pytest.raises(TimeoutError):
        await ask_in_vain(patience)

    assert await ask(patience)
