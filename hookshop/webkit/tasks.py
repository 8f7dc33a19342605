"""Ends background tasks."""

import asyncio
from typing import Any

CANCEL_INTERVAL_SECONDS = 0.1


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they have ended. Repeat the cancellation if necessary.

    Before Python 3.12, ``asyncio.wait_for``, which redis-py uses, swallows a cancellation that
    arrives just as it finishes. The task would never end.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _done, running = await asyncio.wait(running, timeout=CANCEL_INTERVAL_SECONDS)
