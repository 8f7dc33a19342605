from tests.integration.shop.browsing import Shop, Visitor, new_delivery, order, register


async def test_an_order_that_nobody_is_told_of_says_so(shop: Shop) -> None:
    placed = await order(shop)

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    assert "Nobody was told" in page.text
    assert "/endpoints" in page.links


async def test_an_order_lists_the_deliveries_that_tell_of_it_and_no_others(shop: Shop) -> None:
    await new_delivery(shop, "http://127.0.0.1:9001/first")
    await register(shop, "http://127.0.0.1:9002/second")
    placed = await order(shop)

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    listed = {link for link in page.links if link.startswith("/deliveries/")}
    assert listed == {f"/deliveries/{id_}" for id_ in placed["delivery_ids"]}
    assert len(listed) == 2


async def test_an_order_by_the_api_without_a_name_has_a_page(shop: Shop) -> None:
    placed = await order(shop, customer_name="")

    page = await Visitor(shop).get(f"/orders/{placed['id']}")

    assert "Customer –" in page.text


async def test_orders_are_listed_newest_first_and_page_by_page(shop: Shop) -> None:
    ids = [(await order(shop))["id"] for _ in range(51)]
    visitor = Visitor(shop)

    first = await visitor.get("/orders")
    [older] = [address for address, text in first.links.items() if "Older" in text]
    second = await visitor.get(older)

    newest_first = [f"/orders/{id_}" for id_ in reversed(ids)]
    assert [link for link in first.links if link.startswith("/orders/")] == newest_first[:50]
    assert [link for link in second.links if link.startswith("/orders/")] == newest_first[50:]
    assert second.links["/orders"] == "← Newest"
    assert not [text for text in second.links.values() if "Older" in text]


async def test_a_page_of_orders_that_begins_nowhere_is_refused(shop: Shop) -> None:
    for garbage in ("x", "zzz", "\x00", "ord_1", "99999999999999999999"):
        for path in ("/orders", "/orders/live"):
            page = await Visitor(shop).get(path, before=garbage)

            assert page.status == 400
            assert page.answer.headers["content-type"].startswith("text/html")
