"""The delivery log, the page of one delivery, and their actions."""

from litestar.handlers import HTTPRouteHandler

from shop.web.deliveries import actions, bulk_retry, delivery_page, pages

handlers: list[HTTPRouteHandler] = [
    pages.show_deliveries,
    pages.stream_deliveries,
    delivery_page.show_delivery,
    delivery_page.stream_delivery,
    actions.send_again,
    actions.cancel_waiting,
    bulk_retry.confirm_retry,
    bulk_retry.retry,
]
