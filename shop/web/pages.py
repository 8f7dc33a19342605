"""The pages: one Jinja environment for all of them, and the list of their handlers. For ``app``."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.handlers import HTTPRouteHandler

from shop.web import (
    appearance,
    deliveries,
    endpoints,
    flow,
    login,
    orders,
    overview,
    storefront,
)
from shop.web.access import is_logged_in
from shop.web.figure_words import meaning, milliseconds, percent
from shop.web.state_labels import BAR_ORDER, state_label
from shop.web.storefront.cart import read_cart

TEMPLATES = Path(__file__).parent.parent.parent / "templates"

page_handlers: list[HTTPRouteHandler] = [
    *storefront.handlers,
    *overview.handlers,
    *orders.handlers,
    *deliveries.handlers,
    *endpoints.handlers,
    *flow.handlers,
    login.show_login,
    login.log_in,
    login.log_out,
    appearance.choose_appearance,
]


def jinja_environment() -> Environment:
    """Escapes everything, and fails on a variable that a handler forgot."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # For the header of every page, error pages included, whatever its handler knows of carts.
    environment.globals["read_cart"] = read_cart
    environment.globals["is_logged_in"] = is_logged_in
    environment.globals["state_label"] = state_label
    environment.globals["BAR_ORDER"] = BAR_ORDER
    environment.globals["read_appearance"] = appearance.read_appearance
    environment.globals["way_back"] = appearance.way_back
    for words in (percent, milliseconds, meaning):
        environment.filters[words.__name__] = words
    return environment
