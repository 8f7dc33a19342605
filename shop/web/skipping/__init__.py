"""Skipping time on pages: the buttons beside countdowns, and the notice while it is under way."""

from litestar.handlers import HTTPRouteHandler

from shop.web.skipping import actions

handlers: list[HTTPRouteHandler] = [
    actions.skip_to_next_attempt,
    actions.skip_for_delivery,
    actions.skip_for_endpoint,
]
