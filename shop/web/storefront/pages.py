"""The pages of the storefront: products, cart and checkout."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.access import OPEN_TO_ALL
from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.forms import read_form
from hookshop.webkit.plain_text import MAX_NAME_LENGTH, text_problem
from shop.orders.catalog import CATALOG, find_product
from shop.orders.placing import MAX_QUANTITY
from shop.web.dependencies import TheActions
from shop.web.storefront.cart import Cart, cart_cookie, read_cart

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

TOO_MANY = f"An order can have at most {MAX_QUANTITY} of a product."


@get("/", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_products(request: AnyRequest) -> Template:
    """Show all products."""
    return _products_page(read_cart(request))


@get("/cart", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_cart(request: AnyRequest) -> Template:
    """Show the cart and the checkout."""
    return _cart_page(read_cart(request))


@post("/cart/items", include_in_schema=False, opt=OPEN_TO_ALL)
async def add_to_cart(request: AnyRequest) -> AnyResponse:
    """Add one piece of ``product_id`` to the cart."""
    product_id = (await read_form(request)).text("product_id")
    _require_product(product_id)
    cart = read_cart(request)
    quantity = cart.quantities.get(product_id, 0) + 1
    if quantity > MAX_QUANTITY:
        return _products_page(cart, {product_id: TOO_MANY})
    return _redirect_with_cart(request, cart.with_quantity(product_id, quantity), f"/#{product_id}")


@post("/cart/items/{product_id:str}", include_in_schema=False, opt=OPEN_TO_ALL)
async def change_quantity(request: AnyRequest, product_id: FromPath[str]) -> AnyResponse:
    """Set the ``quantity`` of a product in the cart; 0 removes it."""
    _require_product(product_id)
    typed = (await read_form(request)).text("quantity")
    cart = read_cart(request)
    quantity = _whole_number(typed)
    if quantity is None or quantity > MAX_QUANTITY:
        problem = f"Enter a whole number from 0 to {MAX_QUANTITY}."
        # Another window may have removed the product from the cart.
        name = f"quantity-{product_id}" if product_id in cart.quantities else "cart"
        return _cart_page(cart, {name: problem}, typed={name: typed})
    return _redirect_with_cart(request, cart.with_quantity(product_id, quantity), "/cart")


@post("/orders", include_in_schema=False, opt=OPEN_TO_ALL)
@once_per_form
async def check_out(request: AnyRequest, actions: TheActions) -> AnyResponse:
    """Place an order of everything in the cart, for ``customer_name``."""
    name = (await read_form(request)).line("customer_name")
    cart = read_cart(request)
    errors = _checkout_errors(cart, name)
    if errors:
        return _cart_page(cart, errors, typed={"customer_name": name})
    placed = await actions.place_order(cart.items, name)
    return _redirect_with_cart(request, Cart(), f"/orders/{placed.id}")


def _products_page(cart: Cart, errors: dict[str, str] | None = None) -> Template:
    """Return the page of products. With ``errors`` by product id, its status is 422."""
    return Template(
        "shop/storefront/products.html",
        context={"products": CATALOG, "quantities": cart.quantities, "errors": errors or {}},
        status_code=422 if errors else 200,
    )


def _cart_page(
    cart: Cart, errors: dict[str, str] | None = None, *, typed: dict[str, str] | None = None
) -> Template:
    """Return the page of the cart. With ``errors`` by field, it shows ``typed`` and is a 422."""
    return Template(
        "shop/storefront/cart.html",
        context={"cart": cart, "errors": errors or {}, "typed": typed or {}},
        status_code=422 if errors else 200,
    )


def _require_product(product_id: str) -> None:
    if find_product(product_id) is None:
        raise NotFoundException(f"there is no product {product_id!r}")


def _whole_number(text: str) -> int | None:
    """Return the number, or None. int() alone also accepts "1_0", "+1" and non-ASCII digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_QUANTITY)) + 1):
        return None
    return int(text)


def _redirect_with_cart(request: AnyRequest, cart: Cart, address: str) -> Redirect:
    return Redirect(address, status_code=303, cookies=[cart_cookie(request, cart)])


def _checkout_errors(cart: Cart, name: str) -> dict[str, str]:
    problems = {
        "cart": "" if cart.lines else "The cart is empty.",
        "customer_name": (
            text_problem(name, max_length=MAX_NAME_LENGTH) if name.strip() else "Enter your name."
        ),
    }
    return {field: problem for field, problem in problems.items() if problem}
