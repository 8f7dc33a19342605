"""Ends the tasks that run beside the main work."""

import asyncio
from typing import Any

CANCEL_AGAIN_SECONDS = 0.1


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks, as often as it takes, and wait until they have ended.

    Before Python 3.12 ``asyncio.wait_for``, which redis-py sends with, swallows a cancellation that
    arrives at the moment when it is done; the task would run for ever.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _done, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
