from typing import Any

import pytest
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.testing import RequestFactory

from hookshop.webkit.cookies import Cookies
from shop.orders.placing import Item
from shop.web.storefront.cart import Cart, cart_cookie, read_cart

COOKIES = Cookies("shop", app_key="a", folder_key="b", is_secure=True)


def request(cookie: bytes) -> Request[Any, Any, Any]:
    app = Litestar(state=State({"cookies": COOKIES}))
    made: Request[Any, Any, Any] = RequestFactory(app).get("/")
    made.scope["headers"] = [(b"cookie", COOKIES.name("cart").encode() + b"=" + cookie)]
    return made


def test_a_cart_counts_pieces_and_money() -> None:
    cart = Cart({"mug": 2, "hook": 1})

    assert cart.count == 3
    assert cart.total_cents == 2 * 1490 + 1250
    assert cart.items == [Item("mug", 2), Item("hook", 1)]


def test_what_is_no_longer_sold_is_left_out() -> None:
    cart = Cart({"unicorn": 5, "mug": 1})

    assert cart.count == 1
    assert [line.product.id for line in cart.lines] == ["mug"]


def test_changing_a_quantity_keeps_the_order_of_lines_and_the_old_cart() -> None:
    cart = Cart({"mug": 2, "hook": 1})

    changed = cart.with_quantity("mug", 5)

    assert list(changed.quantities.items()) == [("mug", 5), ("hook", 1)]
    assert cart.quantities["mug"] == 2


def test_a_quantity_of_none_takes_the_product_out() -> None:
    assert Cart({"mug": 2}).with_quantity("mug", 0) == Cart()


@pytest.mark.parametrize("quantity", [-1, 100])
def test_a_quantity_outside_0_to_99_is_refused(quantity: int) -> None:
    with pytest.raises(ValueError, match=str(quantity)):
        Cart().with_quantity("mug", quantity)


def test_a_cart_survives_the_way_through_its_cookie() -> None:
    cart = Cart({"mug": 99, "fishing-rod": 1})

    cookie = cart_cookie(request(b""), cart)

    assert cookie.max_age
    assert read_cart(request(str(cookie.value).encode())) == cart


def test_an_empty_cart_makes_the_browser_forget_the_cookie() -> None:
    assert cart_cookie(request(b""), Cart()).max_age == 0


@pytest.mark.parametrize(
    "cookie",
    [
        b"",
        b"mug",
        b"mug:",
        b":1",
        b"mug:0",
        b"mug:01",
        b"mug:100",
        b"mug:-1",
        b"mug:+1",
        b"mug:1_0",
        b"mug:\xef\xbc\x91",
        b"mug:1.mug:2",
        b"mug:1.",
        b".mug:1",
        b"mug:1%00",
        b"Mug:1",
        b"m\xc3\xbcg:1",
        b"\xff\xfe",
        b'"',
        b".".join(b"a:1" for _ in range(51)),
        b"a" * 100_000,
    ],
    ids=lambda cookie: repr(cookie[:20]),
)
def test_a_cookie_that_is_not_exactly_a_cart_is_an_empty_one(cookie: bytes) -> None:
    assert read_cart(request(cookie)) == Cart()
