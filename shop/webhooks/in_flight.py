"""The deliveries that one worker process is busy with. Called by ``worker`` for each wake-up.

A job of the queue ends as soon as its delivery has begun here. arq asks Redis again and again about
each job that runs, so some hundred jobs that wait for slow endpoints would hold up all others.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from shop.webhooks.delivery import Courier

logger = logging.getLogger(__name__)


class InFlight:
    """Runs deliveries beside each other, at most ``most`` at a time."""

    def __init__(self, courier: Courier, *, most: int) -> None:
        self._courier = courier
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many run at this moment."""
        return len(self._tasks)

    def begin(self, delivery_id: str, *, enqueued_at: datetime | None = None) -> None:
        """Begin a delivery, unless there is no room: then the scheduler comes back to it.

        ``enqueued_at``: of the wake-up that came through Redis, if one did.
        """
        if len(self._tasks) < self._most:
            task = asyncio.create_task(self._work_off(delivery_id, enqueued_at))
            self._tasks.add(task)  # the event loop itself would let go of it
            task.add_done_callback(self._tasks.discard)

    async def finish(self, patience: timedelta) -> None:
        """Wait until all that was begun is done; after ``patience`` it is left as it is."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience.total_seconds())

    async def _work_off(self, delivery_id: str, enqueued_at: datetime | None) -> None:
        """Whatever goes wrong here, the database has the delivery, and its claim runs out."""
        facts = {"delivery_id": delivery_id}
        try:
            await self._courier.work_off(delivery_id, enqueued_at=enqueued_at)
        except SQLAlchemyError as error:
            reason = str(error).partition("\n")[0]
            logger.warning(
                "Delivery %s has to wait for the database: %s", delivery_id, reason, extra=facts
            )
        except Exception:
            logger.exception("Delivery %s has to be tried again", delivery_id, extra=facts)
