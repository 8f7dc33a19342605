"""The flow: a live picture of where every order is, from the customer to the endpoints.

`reader` reads the facts. `stages` finds the stage of a delivery, `routes` the stops that it has
passed, `stations` and `lanes` the state of each part of the picture, `rails` the lines between
them, and `picture` puts them together: all pure. `pages` shows it; `static/js/flow.js` animates it.
"""

from litestar.handlers import HTTPRouteHandler

from shop.web.flow import pages

handlers: list[HTTPRouteHandler] = [pages.show_flow, pages.stream_flow, pages.buy]
