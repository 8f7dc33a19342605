"""Ends the tasks that run beside the main work. Called by ``app`` and ``worker`` when they stop."""

import asyncio
from typing import Any

CANCEL_AGAIN_SECONDS = 0.1


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, as often as it takes, and wait until they are over.

    Before Python 3.12 ``asyncio.wait_for``, which redis-py sends with, swallows a cancellation that
    comes in the very moment when it is done; the task would go on for ever.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _done, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
