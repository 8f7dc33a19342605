import asyncio
import contextlib

from hookshop.webkit.tasks import end_tasks


async def test_a_task_that_swallows_its_cancellation_is_ended_anyway() -> None:
    has_begun = asyncio.Event()

    async def stubborn() -> None:
        has_begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await has_begun.wait()

    await end_tasks(task)

    assert task.cancelled()


async def test_ending_a_finished_task_does_nothing() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])

    await end_tasks(task)

    assert isinstance(task.exception(), ZeroDivisionError)


async def test_a_task_that_is_cancelled_while_it_ends_another_ends_it_first() -> None:
    async def swallow_three_cancellations() -> None:
        for _swallowed in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    stubborn = asyncio.create_task(swallow_three_cancellations())

    async def own_it() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await end_tasks(stubborn)

    owner = asyncio.create_task(own_it())
    await asyncio.sleep(0)

    await end_tasks(owner)

    assert owner.cancelled()
    assert stubborn.cancelled()
