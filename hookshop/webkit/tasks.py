"""Ends background tasks."""

import asyncio
from typing import Any

CANCEL_INTERVAL_SECONDS = 0.1


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they have ended. Repeat the cancellation if necessary.

    Before Python 3.12, ``asyncio.wait_for``, which redis-py uses, swallows a cancellation that
    arrives just as it finishes. The task would never end.

    If the caller itself is cancelled meanwhile, raise ``CancelledError``, but only when the tasks
    have ended: nobody else would end them.
    """
    running = {task for task in tasks if not task.done()}
    cancelled = None
    while running:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=CANCEL_INTERVAL_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
        running = {task for task in running if not task.done()}
    if cancelled:
        raise cancelled
