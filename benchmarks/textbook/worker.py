"""The textbook worker: ``python -m benchmarks.textbook.worker``."""

import asyncio
import contextlib
import os
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from arq import Retry
from arq.worker import Worker
from sqlmodel.ext.asyncio.session import AsyncSession
from standardwebhooks import Webhook

from benchmarks.textbook.shop import REDIS, Attempt, Delivery, engine

WEBHOOK_URL = os.environ["TEXTBOOK_WEBHOOK_URL"]
SECRET = os.environ["TEXTBOOK_SECRET"]
MAX_JOBS = 100
MAX_TRIES = 6
POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 10


async def deliver(ctx: dict[Any, Any], delivery_id: str) -> None:
    """Make one attempt and store it. If it failed, schedule a retry."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        delivery = await session.get_one(Delivery, delivery_id)
    attempt = await _attempt(ctx["client"], delivery, number=ctx["job_try"])
    has_succeeded = attempt.status is not None and 200 <= attempt.status < 300
    is_last = ctx["job_try"] == MAX_TRIES
    if has_succeeded or is_last:
        delivery.state = "succeeded" if has_succeeded else "failed"
    async with AsyncSession(engine) as session:
        session.add_all([delivery, attempt])
        await session.commit()
    if not has_succeeded and not is_last:
        raise Retry(defer=2 ** ctx["job_try"])


async def _attempt(client: httpx.AsyncClient, delivery: Delivery, *, number: int) -> Attempt:
    started_at, started = datetime.now(UTC), time.perf_counter()
    status, error_name = None, None
    try:
        response = await client.post(
            WEBHOOK_URL, headers=_headers(delivery, started_at), content=delivery.body
        )
        status = response.status_code
    except httpx.HTTPError as error:
        error_name = type(error).__name__
    return Attempt(
        delivery_id=delivery.id,
        number=number,
        started_at=started_at,
        duration_ms=round((time.perf_counter() - started) * 1000),
        status=status,
        error=error_name,
    )


def _headers(delivery: Delivery, now: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(delivery.id, now, delivery.body.decode()),
    }


async def main() -> None:
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        worker = Worker(
            [deliver],
            ctx={"client": client},
            redis_settings=REDIS,
            max_jobs=MAX_JOBS,
            max_tries=MAX_TRIES,
            poll_delay=POLL_SECONDS,
            keep_result=0,
        )
        with contextlib.suppress(asyncio.CancelledError):  # arq ends with this on a signal
            await worker.async_run()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
