"""The overview: the state of the whole shop."""

from litestar.handlers import HTTPRouteHandler

from shop.web.overview import pages

handlers: list[HTTPRouteHandler] = [pages.show_overview, pages.stream_overview]
