import asyncio
from collections.abc import Callable, Sequence

import pytest

from shop.batches import Batches


class Doubler:
    """Doubles numbers in batches; while ``gate`` is closed, the first batch is held up."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.has_begun = asyncio.Event()
        self.seen: list[list[int]] = []

    async def __call__(self, tell: Callable[[], Sequence[int]]) -> list[int]:
        items = tell()
        self.seen.append(list(items))
        self.has_begun.set()
        await self.gate.wait()
        if 13 in items:
            raise ValueError("thirteen")
        if 0 in items:
            raise OSError("nothing works")
        return [2 * item for item in items]


async def test_what_comes_alone_is_handled_at_once() -> None:
    double = Doubler()
    batches = Batches(double, most=10)

    assert await batches.submit(1) == 2
    assert await batches.submit(2) == 4
    assert double.seen == [[1], [2]]


async def test_what_comes_meanwhile_is_handled_together() -> None:
    double = Doubler()
    double.gate.clear()
    batches = Batches(double, most=3)
    first = asyncio.create_task(batches.submit(1))
    await double.has_begun.wait()
    others = [asyncio.create_task(batches.submit(number)) for number in (2, 3, 4, 5)]
    await asyncio.sleep(0)

    double.gate.set()

    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert double.seen == [[1], [2, 3, 4], [5]]


async def test_what_comes_while_a_batch_waits_for_its_turn_is_in_it() -> None:
    turn, is_waiting = asyncio.Event(), asyncio.Event()

    async def double(tell: Callable[[], Sequence[int]]) -> list[int]:
        is_waiting.set()
        await turn.wait()
        return [2 * item for item in tell()]

    batches = Batches(double, most=10)
    first = asyncio.create_task(batches.submit(1))
    await is_waiting.wait()
    second = asyncio.create_task(batches.submit(2))
    await asyncio.sleep(0)
    is_waiting.clear()
    turn.set()

    assert [await first, await second] == [2, 4]
    assert not is_waiting.is_set()


async def test_who_fails_before_it_knows_what_to_do_fails_for_all_that_wait() -> None:
    async def never_ready(_tell: Callable[[], Sequence[int]]) -> list[int]:
        raise OSError

    batches = Batches(never_ready, most=10, fails_for_all=(OSError,))

    results = await asyncio.gather(*map(batches.submit, (1, 2)), return_exceptions=True)

    assert [type(result) for result in results] == [OSError, OSError]


async def test_an_item_that_cannot_be_handled_harms_none_but_itself() -> None:
    double = Doubler()
    batches = Batches(double, most=10)

    results = await asyncio.gather(
        *(batches.submit(number) for number in (1, 13, 3)), return_exceptions=True
    )

    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)


async def test_an_error_that_says_nothing_of_the_items_is_everybodys() -> None:
    double = Doubler()
    batches = Batches(double, most=10, fails_for_all=(OSError,))

    results = await asyncio.gather(
        *(batches.submit(number) for number in (1, 0)), return_exceptions=True
    )

    assert [type(result) for result in results] == [OSError, OSError]
    assert double.seen == [[1, 0]]


async def test_who_goes_away_does_not_hold_up_the_others() -> None:
    double = Doubler()
    double.gate.clear()
    batches = Batches(double, most=10)
    gone, stays = (asyncio.create_task(batches.submit(number)) for number in (1, 2))
    await double.has_begun.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    double.gate.set()

    assert await stays == 4
    assert await batches.submit(3) == 6
