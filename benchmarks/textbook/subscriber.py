"""The textbook subscriber: ``python -m benchmarks.textbook.subscriber PORT``."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from litestar import Litestar, Request, get, post
from litestar.exceptions import NotAuthorizedException
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import JSON, Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = os.environ["TEXTBOOK_SECRET"]
BUSY_TIMEOUT_SECONDS = 30

engine = create_async_engine(
    f"sqlite+aiosqlite:///{os.environ['TEXTBOOK_SUBSCRIBER_DATABASE']}",
    connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
)


@event.listens_for(engine.sync_engine, "connect")
def _configure(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


class Receipt(SQLModel, table=True):
    message_id: str = Field(primary_key=True)  # so each message is booked once
    received_at: datetime
    headers: dict[str, str] = Field(sa_type=JSON)
    body: bytes


class Purchase(SQLModel, table=True):
    message_id: str = Field(primary_key=True, foreign_key="receipt.message_id")
    order_id: str
    value_cents: int
    booked_at: datetime


@post("/v1/new-purchase", status_code=200)
async def receive(request: Request[Any, Any, Any]) -> dict[str, str]:
    body, headers = await request.body(), dict(request.headers)
    try:
        document = Webhook(SECRET).verify(body, headers)
    except (WebhookVerificationError, ValueError) as error:
        raise NotAuthorizedException(str(error)) from error
    is_new = await _book(headers, body, document["event"])
    return {"verdict": "accepted" if is_new else "duplicate"}


@get("/healthz")
async def healthz() -> str:
    return "ok"


async def _book(headers: dict[str, str], body: bytes, purchase: dict[str, Any]) -> bool:
    """Store receipt and purchase, and return whether the message was new."""
    message_id, now = headers["webhook-id"], datetime.now(UTC)
    async with AsyncSession(engine) as session:
        try:
            session.add(Receipt(message_id=message_id, received_at=now, headers=headers, body=body))
            await session.flush()
        except IntegrityError:
            return False
        session.add(
            Purchase(
                message_id=message_id,
                order_id=purchase["order_id"],
                value_cents=round(purchase["value"] * 100),
                booked_at=now,
            )
        )
        await session.commit()
    return True


@asynccontextmanager
async def _lifespan(_app: Litestar) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    yield
    await engine.dispose()


if __name__ == "__main__":
    app = Litestar([receive, healthz], lifespan=[_lifespan], openapi_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
