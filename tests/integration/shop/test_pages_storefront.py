from itertools import product

import pytest
from litestar.testing import AsyncTestClient

from hookshop.webkit.cookies import open_cookies
from shop.app import create_app
from shop.config import Settings
from shop.orders.catalog import CATALOG
from tests.integration.shop.browsing import HOSTILE_NAME, Shop, order_count
from tests.integration.shop.conftest import TEST_HOST
from tests.pages import Visitor, read_page

pytestmark = pytest.mark.one_database("its statements run in the tests of the API")

NO_QUANTITIES = ["1_0", "+1", "１", "100", "-1", "1e1", "", "0x1", "1.0", "9" * 5000, "one"]
NO_CARTS = [
    "mug",
    "mug:0",
    "mug:100",
    "mug:-1",
    "mug:1:1",
    "mug:１",
    "mug:1.mug:1",
    "mug:1.",
    "MUG:1",
    "<script>:1",
    '{"mug": 1}',
    "=;=",
    ".".join(f"{'x' * 39}:1" for _ in range(51)),
]


async def put_into_cart(visitor: Visitor, **quantities: int) -> None:
    for product_id, quantity in quantities.items():
        page = await visitor.submit(f"/cart/items/{product_id}", quantity=quantity)
        assert page.status == 303


async def test_the_storefront_shows_a_dozen_products_with_pictures_and_prices(shop: Shop) -> None:
    page = await Visitor(shop).get("/")

    assert len(CATALOG) == 12
    for sold in CATALOG:
        assert sold.name in page.text
        assert f"${sold.price_cents // 100}.{sold.price_cents % 100:02d}" in page.text
        picture = await shop.get(f"/static/products/{sold.id}.svg")
        assert picture.status_code == 200
        assert picture.headers["content-type"].startswith("image/svg+xml")


async def test_adding_a_product_counts_it_and_leads_back_to_it(shop: Shop) -> None:
    visitor = Visitor(shop)

    added = await visitor.submit("/cart/items", product_id="mug")
    await visitor.submit("/cart/items", product_id="mug")
    page = await visitor.get("/")

    assert added.status == 303
    assert added.answer.headers["location"] == "/#mug"
    assert "Cart 2" in page.text
    assert page.links["/cart"] == "2 in the cart →"


async def test_the_cart_is_changed_and_emptied_line_by_line(shop: Shop) -> None:
    visitor = Visitor(shop)
    await put_into_cart(visitor, mug=2, hook=1)

    full = await visitor.get("/cart")
    await visitor.submit("/cart/items/mug", quantity="5")
    changed = await visitor.get("/cart")
    await visitor.submit("/cart/items/mug", quantity="0")
    await visitor.submit("/cart/items/hook", quantity="0")
    empty = await visitor.get("/cart")

    assert "Total $42.30" in full.text
    assert "Total $87.00" in changed.text
    assert "The cart is empty" in empty.text
    assert empty.links["/cart"] == "Cart 0"


@pytest.mark.parametrize("typed", NO_QUANTITIES, ids=repr)
async def test_an_invalid_quantity_is_shown_again_and_changes_nothing(
    typed: str, shop: Shop
) -> None:
    visitor = Visitor(shop)
    await put_into_cart(visitor, mug=2)

    page = await visitor.submit("/cart/items/mug", quantity=typed)

    assert page.status == 422
    assert page.values["quantity"][0] == typed
    assert "Enter a whole number from 0 to 99." in page.text
    assert (await visitor.get("/cart")).values["quantity"][0] == "2"


async def test_a_wrong_quantity_of_what_is_not_in_the_cart_is_named_too(shop: Shop) -> None:
    page = await Visitor(shop).submit("/cart/items/mug", quantity="many")

    assert page.status == 422
    assert "Enter a whole number from 0 to 99." in page.text


async def test_the_hundredth_piece_is_refused_on_the_page_of_its_product(shop: Shop) -> None:
    visitor = Visitor(shop)
    await put_into_cart(visitor, mug=99)

    page = await visitor.submit("/cart/items", product_id="mug")

    assert page.status == 422
    assert "An order can have at most 99 of a product." in page.text
    assert "/cart/items" in page.forms  # still the storefront, in which htmx finds the product
    assert (await visitor.get("/cart")).values["quantity"][0] == "99"


@pytest.mark.parametrize("path", ["/cart/items", "/cart/items/unicorn"])
async def test_an_unknown_product_is_not_found(path: str, shop: Shop) -> None:
    page = await Visitor(shop).submit(path, product_id="unicorn", quantity="1")

    assert page.status == 404
    assert page.answer.headers["content-type"].startswith("text/html")
    assert "There is no product 'unicorn'." in page.text


@pytest.mark.parametrize("path", ["/cart/items", "/cart/items/mug", "/orders", "/endpoints"])
@pytest.mark.parametrize("token", [None, "", "0" * 128])
async def test_a_form_without_the_pages_token_is_forbidden(
    token: str | None, path: str, shop: Shop
) -> None:
    await put_into_cart(Visitor(shop), mug=1)
    fields = {"product_id": "mug", "quantity": "7", "customer_name": "Ada"}

    answer = await shop.post(path, data=fields | ({} if token is None else {"_csrf_token": token}))

    assert answer.status_code == 403
    assert "This form is out of date" in read_page(answer).text
    assert await order_count(shop) == 0
    assert (await Visitor(shop).get("/cart")).values["quantity"][0] == "1"


async def test_the_cookies_of_another_shop_on_this_host_do_not_get_in_the_way(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All ports of a host share their cookies, and a browser keeps them after `make reset`."""
    elsewhere = Settings(
        HOOKSHOP_VAR=tmp_path_factory.mktemp("other"),  # type: ignore[call-arg]
        allowed_hosts=(TEST_HOST,),
    )
    async with AsyncTestClient(create_app(elsewhere)) as other:
        for name, value in (await other.get("/")).cookies.items():
            shop.cookies.set(name, value, domain="testserver.local")

    page = await Visitor(shop).submit("/cart/items", product_id="mug")

    assert page.status == 303


async def test_checking_out_places_one_order_and_leads_to_its_page(shop: Shop) -> None:
    visitor = Visitor(shop)
    await put_into_cart(visitor, mug=2, hook=1)

    placed = await visitor.submit("/orders", customer_name="  Ada Lovelace ")
    page = await visitor.get(placed.answer.headers["location"])

    assert placed.status == 303
    assert await order_count(shop) == 1
    assert "Ada Lovelace" in page.text
    assert "Enamel Mug $14.90 2 $29.80" in page.text
    assert "Total $42.30" in page.text
    assert page.links["/cart"] == "Cart 0"


async def test_a_forged_cart_cookie_buys_at_the_shops_prices(
    shop: Shop, settings: Settings
) -> None:
    visitor = Visitor(shop)
    shop.cookies.set(
        open_cookies(settings).name("cart"), "pigeon:2.unicorn:1", domain="testserver.local"
    )

    placed = await visitor.submit("/orders", customer_name="Mallory", total_cents="1")

    stats = (await shop.get("/v1/stats")).json()
    assert placed.status == 303
    assert stats["revenue_cents"] == 2 * 8900


async def test_an_invalid_cart_cookie_is_an_empty_cart(shop: Shop, settings: Settings) -> None:
    name = open_cookies(settings).name("cart")
    for cookie, path in product(NO_CARTS, ("/", "/cart")):
        page = read_page(await shop.get(path, headers={b"Cookie": f"{name}={cookie}".encode()}))

        assert page.status == 200
        assert page.links["/cart"] == "Cart 0"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "Enter your name."),
        ("   ", "Enter your name."),
        ("a" * 101, "Use at most 100 characters; these are 101."),
        ("Ada\x00", "Use printable characters only."),
        ("Ada\u202eecalevoL", "Use printable characters only."),
        (HOSTILE_NAME * 9, "Use at most 100 characters"),
    ],
)
async def test_an_invalid_name_is_shown_again_and_orders_nothing(
    name: str, problem: str, shop: Shop
) -> None:
    visitor = Visitor(shop)
    await put_into_cart(visitor, mug=2)

    page = await visitor.submit("/orders", customer_name=name)

    assert page.status == 422
    assert page.values["customer_name"] == [name.strip()]
    assert problem in page.text
    assert await order_count(shop) == 0
    assert (await visitor.get("/cart")).links["/cart"] == "Cart 2"


async def test_an_empty_cart_orders_nothing_and_keeps_the_name_that_was_typed(shop: Shop) -> None:
    page = await Visitor(shop).submit("/orders", customer_name=HOSTILE_NAME)

    assert page.status == 422
    assert "The cart is empty." in page.text
    assert page.values["customer_name"] == [HOSTILE_NAME]
    assert await order_count(shop) == 0
