"""Requests to the subscriber."""

from collections.abc import AsyncIterator
from typing import Any

from httpx import AsyncClient, Response

from tests.integration.subscriber.signer import Delivery, Headers

PIECE = 16 * 1024


async def deliver(
    client: AsyncClient, delivery: Delivery | None = None, **changes: str | None
) -> Response:
    """Send a genuine delivery, or one with headers changed after signing."""
    delivery = delivery or Delivery()
    return await send(client, delivery.headers(**changes), delivery.body)


async def send(
    client: AsyncClient, headers: Headers, body: bytes, *, is_chunked: bool = False
) -> Response:
    """Send any request to the receiver. ``is_chunked``: without Content-Length."""
    return await client.post(
        "/v1/new-purchase",
        content=in_pieces(body) if is_chunked else body,
        headers=[(name.encode(), value.encode()) for name, value in headers],
    )


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def receipts(client: AsyncClient) -> list[dict[str, Any]]:
    """Return all receipts with their steps, newest first."""
    listed = (await client.get("/v1/receipts")).json()["data"]
    return [(await client.get(f"/v1/receipts/{each['id']}")).json() for each in listed]


async def only_receipt(client: AsyncClient) -> dict[str, Any]:
    """Return the only receipt."""
    [receipt] = await receipts(client)
    return receipt


async def stats(client: AsyncClient) -> dict[str, Any]:
    """Return the totals, without the fields for the comparison with the shop."""
    document: dict[str, Any] = (await client.get("/v1/stats")).json()
    return {name: document[name] for name in ("receipts", "purchases", "revenue_cents")}


def totals(*, purchases: int = 0, revenue_cents: int = 0, **receipts: int) -> dict[str, Any]:
    """Return the stats with these numbers, and 0 for all others."""
    verdicts = {"accepted": 0, "duplicate": 0, "ignored": 0, "rejected": 0}
    return {
        "receipts": verdicts | receipts,
        "purchases": purchases,
        "revenue_cents": revenue_cents,
    }
