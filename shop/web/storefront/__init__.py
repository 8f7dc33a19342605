"""The storefront: products, cart and checkout, for customers."""

from litestar.handlers import HTTPRouteHandler

from shop.web.storefront import pages

handlers: list[HTTPRouteHandler] = [
    pages.show_products,
    pages.show_cart,
    pages.add_to_cart,
    pages.change_quantity,
    pages.check_out,
]
