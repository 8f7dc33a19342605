"""The shopping cart: a cookie such as ``mug:2.hook:1``; the server keeps nothing before checkout.

Used by ``pages`` and, for the count in every page's header, by ``web.pages``. The cookie is the
customer's to edit, so it is read strictly, and prices always come from the catalogue.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from shop.orders.catalog import Product, find_product
from shop.orders.placing import MAX_QUANTITY, Item

COOKIE_NAME = "cart"
ONE_MONTH_SECONDS = 30 * 24 * 3600
# As many lines as an order through the API may have, and quantities from 1 to 99.
_COOKIE = re.compile(r"[a-z-]{1,40}:[1-9][0-9]?(\.[a-z-]{1,40}:[1-9][0-9]?){0,49}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CartLine:
    """One product in the cart. ``quantity``: 1 to 99."""

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """Price of the whole line."""
        return self.product.price_cents * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """Quantities by product id, in the order in which they were added."""

    quantities: Mapping[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> list[CartLine]:
        """What is in the cart; a product that is no longer sold is left out."""
        found = ((find_product(id_), quantity) for id_, quantity in self.quantities.items())
        return [CartLine(product, quantity) for product, quantity in found if product]

    @property
    def items(self) -> list[Item]:
        """The same as an order wants it."""
        return [Item(line.product.id, line.quantity) for line in self.lines]

    @property
    def count(self) -> int:
        """Pieces altogether."""
        return sum(line.quantity for line in self.lines)

    @property
    def total_cents(self) -> int:
        """What the order will cost."""
        return sum(line.cents for line in self.lines)

    def with_quantity(self, product_id: str, quantity: int) -> "Cart":
        """Another cart, with that many of the product; 0 takes it out."""
        if not 0 <= quantity <= MAX_QUANTITY:
            raise ValueError(quantity)
        changed = {**self.quantities, product_id: quantity}
        return Cart({id_: amount for id_, amount in changed.items() if amount})


def read_cart(request: Request[Any, Any, Any]) -> Cart:
    """The cart in the request's cookie; one that is not exactly as written here is empty."""
    text = request.cookies.get(COOKIE_NAME, "")
    if not _COOKIE.fullmatch(text):
        return Cart()
    pairs = [line.split(":") for line in text.split(".")]
    quantities = {product_id: int(quantity) for product_id, quantity in pairs}
    return Cart(quantities) if len(quantities) == len(pairs) else Cart()


def cart_cookie(cart: Cart) -> Cookie:
    """The cookie that makes the browser remember this cart, or forget it when it is empty."""
    text = ".".join(f"{line.product.id}:{line.quantity}" for line in cart.lines)
    return Cookie(
        key=COOKIE_NAME,
        value=text,
        max_age=ONE_MONTH_SECONDS if text else 0,
        httponly=True,
        samesite="lax",
    )
