"""``python -m benchmarks.inbox``: is the inbox as fast with 100,000 receipts as with 1,000?

Fills two databases, serves each in this process, and asks for the same pages, by turns. Prints the
median milliseconds and their ratio: the milliseconds depend on the machine, the ratio does not.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import insert

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.database import Database
from subscriber_app.models import HandledMessage, Purchase, Receipt
from subscriber_app.receipt_ids import ReceiptIds
from subscriber_app.vocabulary import EventType, Reason, StepName, Verdict

FEW, MANY = 1_000, 100_000
ROUNDS = 40
BATCH = 5_000
BEGINNING = datetime(2026, 11, 23, tzinfo=UTC)
ADDRESSES = {
    "inbox": "/",
    "one verdict": "/?verdict=rejected",
    "event type": "/?event_type=purchase.shipped",
    "verdict and event type": "/?verdict=duplicate&event_type=purchase.refunded",
    "reason": "/?reason=token_audience",
    "text, found": "/?q=ord_",
    "text, not found": "/?q=nowhere",
    "JSON": "/v1/receipts",
    "totals": "/v1/stats",
}
STEPS = [{"name": name.value, "result": "passed", "detail": "as it should be"} for name in StepName]
HEADERS = [["content-type", "application/json"], ["authorization", "Bearer " + "x" * 450]]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            serving(Path(folder) / "few", FEW) as few,
            serving(Path(folder) / "many", MANY) as many,
        ):
            print(f"{'':<24}{FEW:>10,}{MANY:>10,}{'ratio':>8}")
            for name, address in ADDRESSES.items():
                print_row(name, await compare(few, many, address))


@asynccontextmanager
async def serving(folder: Path, receipts: int) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(HOOKSHOP_VAR=folder)  # type: ignore[call-arg]
    app = create_app(settings)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        started = time.perf_counter()
        await fill(settings, receipts)
        print(f"{receipts:,} receipts written in {time.perf_counter() - started:.1f} s")
        yield client


async def fill(settings: Settings, receipts: int) -> None:
    """Of every ten: six accepted, two duplicates, one ignored, one rejected."""
    database, ids = Database(settings.resolved_database_url), ReceiptIds()
    for start in range(0, receipts, BATCH):
        rows = [row(ids, number) for number in range(start, min(start + BATCH, receipts))]
        accepted = [each for each in rows if each["verdict"] is Verdict.ACCEPTED]
        async with database.writing() as session:
            connection = await session.connection()
            await connection.execute(insert(Receipt), rows)
            await connection.execute(insert(HandledMessage), [handled(each) for each in accepted])
            await connection.execute(insert(Purchase), [purchase(each) for each in accepted])
    await database.close()


def row(ids: ReceiptIds, number: int) -> dict[str, object]:
    received_at = BEGINNING + timedelta(seconds=number)
    verdict = [*[Verdict.ACCEPTED] * 6, *[Verdict.DUPLICATE] * 2, Verdict.IGNORED, Verdict.REJECTED]
    kind = list(EventType)[number // 10 % 3]
    event = {"id": str(number), "type": kind, "value": 12.5, "order_id": f"ord_{number}"}
    return {
        "id": ids.next(received_at),
        "received_at": received_at,
        "duration_ms": 1.5,
        "verdict": verdict[number % 10],
        "reason": list(Reason)[number // 10 % len(Reason)] if number % 10 == 9 else None,
        "status": 200,
        "message_id": f"msg_{number}",
        "event_type": kind.value,
        "value_cents": 1250,
        "headers": HEADERS,
        "body": json.dumps({"event": event, "date": "2026-11-23T12:00:00Z"}).encode(),
        "steps": STEPS,
    }


def handled(receipt: dict[str, object]) -> dict[str, object]:
    return {"id": receipt["message_id"], "body_sha256": "0" * 64, "receipt_id": receipt["id"]}


def purchase(receipt: dict[str, object]) -> dict[str, object]:
    return {
        "message_id": receipt["message_id"],
        "event_type": EventType.PURCHASE_CREATED,
        "event_id": "1",
        "order_id": receipt["message_id"],
        "value_cents": 1250,
        "occurred_at": receipt["received_at"],
        "booked_at": receipt["received_at"],
    }


async def compare(
    few: httpx.AsyncClient, many: httpx.AsyncClient, address: str
) -> tuple[float, float]:
    """Median milliseconds of each; by turns, so that the machine's moods hit both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for client, taken in zip((few, many), times, strict=True):
            started = time.perf_counter()
            answer = await client.get(address)
            taken.append((time.perf_counter() - started) * 1000)
            answer.raise_for_status()
    return statistics.median(times[0]), statistics.median(times[1])


def print_row(name: str, medians: tuple[float, float]) -> None:
    few, many = medians
    print(f"{name:<24}{few:>7.1f} ms{many:>7.1f} ms{many / few:>8.2f}")


if __name__ == "__main__":
    asyncio.run(main())
