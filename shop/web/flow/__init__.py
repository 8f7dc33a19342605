"""The flow, drawn live: where every order is right now, from the customer to the endpoints.

``reading`` collects the facts. ``places`` says where a delivery is and why, ``trails`` which way it
came, ``stations`` and ``lanes`` how each part of the picture is, and ``picture`` puts all that
together: five pure modules. ``pages`` shows it, and ``static/js/flow.js`` lets it move.
"""

from litestar.handlers import HTTPRouteHandler

from shop.web.flow import pages

handlers: list[HTTPRouteHandler] = [pages.show_flow, pages.stream_flow, pages.buy]
