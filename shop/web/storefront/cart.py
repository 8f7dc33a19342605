"""The shopping cart: a cookie such as ``mug:2.hook:1``. The server stores nothing before checkout.

A customer can edit the cookie, so it is parsed strictly, and prices always come from the catalog.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from hookshop.webkit.cookies import cookies_of
from shop.orders.catalog import Product, find_product
from shop.orders.placing import MAX_QUANTITY, Item

PURPOSE = "cart"
ONE_MONTH_SECONDS = 30 * 24 * 3600
# At most 50 lines, as in an order through the API, with quantities from 1 to 99.
_COOKIE = re.compile(r"[a-z-]{1,40}:[1-9][0-9]?(\.[a-z-]{1,40}:[1-9][0-9]?){0,49}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CartLine:
    """One product in the cart. ``quantity``: 1 to 99."""

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """The price of the whole line."""
        return self.product.price_cents * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """Quantities by product id, in the order in which they were added."""

    quantities: Mapping[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> list[CartLine]:
        """The lines, without products that are no longer sold."""
        found = ((find_product(id_), quantity) for id_, quantity in self.quantities.items())
        return [CartLine(product, quantity) for product, quantity in found if product]

    @property
    def items(self) -> list[Item]:
        """The lines as items of an order."""
        return [Item(line.product.id, line.quantity) for line in self.lines]

    @property
    def count(self) -> int:
        """The number of all pieces."""
        return sum(line.quantity for line in self.lines)

    @property
    def total_cents(self) -> int:
        """The price of the whole cart."""
        return sum(line.cents for line in self.lines)

    def with_quantity(self, product_id: str, quantity: int) -> "Cart":
        """Return a cart with this quantity of the product; 0 removes it.

        Raise ``ValueError`` if the quantity is not from 0 to ``MAX_QUANTITY``.
        """
        if not 0 <= quantity <= MAX_QUANTITY:
            raise ValueError(quantity)
        changed = {**self.quantities, product_id: quantity}
        return Cart({id_: amount for id_, amount in changed.items() if amount})


def read_cart(request: Request[Any, Any, Any]) -> Cart:
    """Return the cart in the request's cookie, or an empty one if the cookie is invalid."""
    text = request.cookies.get(cookies_of(request).name(PURPOSE), "")
    if not _COOKIE.fullmatch(text):
        return Cart()
    pairs = [line.split(":") for line in text.split(".")]
    quantities = {product_id: int(quantity) for product_id, quantity in pairs}
    return Cart(quantities) if len(quantities) == len(pairs) else Cart()


def cart_cookie(request: Request[Any, Any, Any], cart: Cart) -> Cookie:
    """Return the cookie that stores this cart. For an empty cart, it deletes the cookie."""
    text = ".".join(f"{line.product.id}:{line.quantity}" for line in cart.lines)
    cookies = cookies_of(request)
    return cookies.make(cookies.name(PURPOSE), text, max_age=ONE_MONTH_SECONDS if text else 0)
