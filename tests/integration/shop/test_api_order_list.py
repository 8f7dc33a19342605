"""``GET /v1/orders``: the orders, newest first, in pages."""

import httpx


async def place(shop: httpx.AsyncClient, count: int) -> list[str]:
    """Place orders, and return their ids, newest first."""
    body = {"items": [{"product_id": "mug", "quantity": 1}], "customer_name": "Ada"}
    answers = [await shop.post("/v1/orders", json=body) for _ in range(count)]
    return [answer.json()["id"] for answer in reversed(answers)]


async def test_orders_are_listed_newest_first_with_their_totals(shop: httpx.AsyncClient) -> None:
    ids = await place(shop, 2)

    listed = (await shop.get("/v1/orders")).json()

    assert [each["id"] for each in listed["data"]] == ids
    assert listed["next_cursor"] is None
    first = listed["data"][0]
    assert (first["customer_name"], first["total_cents"]) == ("Ada", 1490)
    assert first["shipped_at"] is None


async def test_the_cursor_leads_through_all_orders(shop: httpx.AsyncClient) -> None:
    ids, seen, cursor = await place(shop, 5), [], None

    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await shop.get("/v1/orders", params=query)).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]

    assert seen == ids
    assert cursor is None


async def test_a_cursor_of_somebody_else_is_refused(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/v1/orders", params={"cursor": "msg_1"})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "unknown cursor: start again without one"
