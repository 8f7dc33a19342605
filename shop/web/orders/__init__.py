"""The pages of orders, and their actions."""

from litestar.handlers import HTTPRouteHandler

from shop.web.orders import actions, pages

handlers: list[HTTPRouteHandler] = [
    pages.show_orders,
    pages.stream_orders,
    pages.show_order,
    pages.stream_order,
    actions.ship_order,
    actions.confirm_refund,
    actions.refund_order,
]
