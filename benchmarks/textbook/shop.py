"""The textbook shop: ``python -m benchmarks.textbook.shop PORT``."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import uvicorn
from arq import create_pool
from arq.connections import RedisSettings
from litestar import Litestar, get, post
from litestar.datastructures import State
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

PRICES_IN_CENTS = {"mug": 1490, "shirt": 2490}
BUSY_TIMEOUT_SECONDS = 30
REDIS = RedisSettings(unix_socket_path=os.environ["TEXTBOOK_REDIS"])

engine = create_async_engine(
    f"sqlite+aiosqlite:///{os.environ['TEXTBOOK_SHOP_DATABASE']}",
    connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
)


@event.listens_for(engine.sync_engine, "connect")
def _configure(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


class Order(SQLModel, table=True):
    id: str = Field(primary_key=True)
    total_cents: int
    created_at: datetime


class OrderLine(SQLModel, table=True):
    order_id: str = Field(primary_key=True, foreign_key="order.id")
    position: int = Field(primary_key=True)
    product_id: str
    quantity: int
    unit_price_cents: int


class Delivery(SQLModel, table=True):
    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="order.id")
    body: bytes
    state: str = Field(default="pending", index=True)
    created_at: datetime


class Attempt(SQLModel, table=True):
    delivery_id: str = Field(primary_key=True, foreign_key="delivery.id")
    number: int = Field(primary_key=True)
    started_at: datetime
    duration_ms: int
    status: int | None
    error: str | None


@dataclass
class Item:
    product_id: str
    quantity: int


@dataclass
class OrderRequest:
    items: list[Item]


@post("/v1/orders")
async def place_order(data: OrderRequest, state: State) -> dict[str, Any]:
    order, lines = _new_order(data, now=datetime.now(UTC))
    delivery = Delivery(
        id=f"msg_{uuid4().hex}", order_id=order.id, body=_event(order), created_at=order.created_at
    )
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(order)
        await session.flush()  # the foreign keys need the order's row
        session.add_all([*lines, delivery])
        await session.commit()
    await state.queue.enqueue_job("deliver", delivery.id)
    return {"id": order.id, "total_cents": order.total_cents}


@get("/healthz")
async def healthz() -> str:
    return "ok"


def _new_order(data: OrderRequest, *, now: datetime) -> tuple[Order, list[OrderLine]]:
    order_id = f"ord_{uuid4().hex}"
    lines = [
        OrderLine(
            order_id=order_id,
            position=position,
            product_id=item.product_id,
            quantity=item.quantity,
            unit_price_cents=PRICES_IN_CENTS[item.product_id],
        )
        for position, item in enumerate(data.items, start=1)
    ]
    total = sum(pipeline.unit_price_cents * pipeline.quantity for pipeline in lines)
    return Order(id=order_id, total_cents=total, created_at=now), lines


def _event(order: Order) -> bytes:
    return msgspec.json.encode(
        {
            "event": {
                "id": str(uuid4()),
                "type": "purchase.created",
                "value": order.total_cents / 100,
                "order_id": order.id,
            },
            "date": order.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    app.state.queue = await create_pool(REDIS)
    yield
    await app.state.queue.aclose()
    await engine.dispose()


if __name__ == "__main__":
    app = Litestar([place_order, healthz], lifespan=[_lifespan], openapi_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
