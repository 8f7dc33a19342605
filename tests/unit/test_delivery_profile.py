import asyncio
import inspect
import threading
from importlib.util import find_spec

import pytest
from sqlalchemy.util import greenlet_spawn

from benchmarks.delivery_profile import Profile, as_table
from benchmarks.profiled_worker import (
    ELSEWHERE,
    EVENT_LOOP,
    PARTS,
    Stack,
    awaited_by,
    calls_from,
    part_of,
)


def some_function() -> None:
    """Represents any code; the module decides its part."""


def stack_of(*modules: str) -> Stack:
    return [(module, some_function.__code__) for module in modules]


def names_in(stack: Stack) -> list[str]:
    return [code.co_name for _module, code in stack]


def exists(name: str) -> bool:
    try:
        return find_spec(name.partition(":")[0]) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_delivery_is_the_work_of_a_module_that_exists(part: str) -> None:
    assert [name for name in PARTS[part] if exists(name)]


def test_a_library_that_is_called_belongs_to_the_part_that_calls_it() -> None:
    announcing = stack_of("redis.client", "shop.redis.change_feed", "shop.worker", "asyncio.events")

    assert part_of(announcing) == "announce"


def test_a_submodule_belongs_to_the_part_of_its_package() -> None:
    assert part_of(stack_of("aiohttp.client_proto", "asyncio.selector_events")) == "send"


def test_unlisted_work_is_the_event_loop_or_everything_else() -> None:
    assert part_of(stack_of("asyncio.events", "asyncio.base_events")) == EVENT_LOOP
    assert part_of(stack_of("somewhere", "asyncio.events")) == ELSEWHERE


async def test_work_in_a_greenlet_belongs_to_the_function_that_awaits_it() -> None:
    stack: Stack = []

    async def claim() -> None:
        await greenlet_spawn(lambda: stack.extend(calls_from(inspect.currentframe())))

    await claim()

    assert "claim" in names_in(stack)


async def test_the_event_loops_work_does_not_belong_to_its_caller() -> None:
    stack = list(calls_from(inspect.currentframe()))

    assert {module for module, _code in stack[1:]} == {"asyncio.events", "asyncio.base_events"}
    assert "run_forever" not in names_in(stack)


async def test_work_in_a_thread_belongs_to_the_task_that_waits_for_it() -> None:
    may_end = threading.Event()

    async def record() -> None:
        await asyncio.to_thread(may_end.wait)

    task = asyncio.create_task(record())
    await asyncio.sleep(0)  # now its work runs in another thread
    stack = awaited_by(task)
    may_end.set()
    await task

    assert names_in(stack)[-1] == "record"
    assert stack[0][0] == "asyncio.threads"


def test_the_table_shows_each_part_of_each_situation_for_one_delivery() -> None:
    burst = Profile("burst of 100", 100, {"claim": 0.03, "send": 0.01})

    lines = list(as_table([burst]))

    [claim] = [line.split() for line in lines if "claim" in line]
    assert claim == ["claim", "0.300", "ms", "75", "%"]
    assert lines[-1].split() == ["all", "together", "0.400", "ms", "100", "%"]
