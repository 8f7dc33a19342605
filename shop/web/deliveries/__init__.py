"""The delivery log and the page of one delivery, and what can be done to them."""

from litestar.handlers import HTTPRouteHandler

from shop.web.deliveries import actions, bulk_retry, log_pages, pages

handlers: list[HTTPRouteHandler] = [
    log_pages.show_deliveries,
    log_pages.stream_deliveries,
    pages.show_delivery,
    pages.stream_delivery,
    actions.send_again,
    actions.cancel_waiting,
    bulk_retry.confirm_retry,
    bulk_retry.retry,
]
