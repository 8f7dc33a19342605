"""The flow: a live picture of where every order is, from the customer to the endpoints.

`reader` reads the facts. The pure modules are: `stages`, the stage of a delivery; `routes`, the
stops that it has passed; `stations` and `lanes`, the state of each part of the picture; `rails`,
the lines between them; `picture`, which combines all of these. `pages` serves the picture and
`static/js/flow.js` animates it.
"""

from litestar.handlers import HTTPRouteHandler

from shop.web.flow import pages

handlers: list[HTTPRouteHandler] = [pages.show_flow, pages.stream_flow, pages.buy]
